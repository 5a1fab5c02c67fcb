package control

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"clfsload/sync/blob/limit"
)

// LimitValue is the body of PUT /limit, and its answer.
type LimitValue struct {
	BytesPerSecond int64 `json:"bytes_per_second"` // 0: no limit
}

// AnswerLimitChange changes the bandwidth limit of a load or mount.
func AnswerLimitChange(w http.ResponseWriter, r *http.Request, l *limit.Limiter, log *slog.Logger) {
	var v LimitValue
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&v); err != nil || v.BytesPerSecond < 0 {
		http.Error(w, "the body must be {\"bytes_per_second\": N}", http.StatusBadRequest)
		return
	}
	l.Set(v.BytesPerSecond)
	log.Info("bandwidth limit changed", "bytes_per_second", v.BytesPerSecond)
	AnswerJSON(w, v)
}
