package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"clfsload/fusefs/daemon/backing"
	"clfsload/fusefs/daemon/wire"
	"clfsload/fusefs/writable"
	"clfsload/fusefs/writable/adopted"
	"clfsload/sync/blob"
	"clfsload/sync/control"
	"clfsload/sync/durable"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// daemonErrors is where a mount in the background has what the language's runtime
// prints, in STATE.
const daemonErrors = "stderr.log"

// Serve mounts, and serves until the mount is to end.
func Serve(ctx context.Context, o Options) error {
	debug.SetMemoryLimit(o.Memory + mountOverhead)
	debug.SetGCPercent(50)
	m, err := openWritable(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if err := m.close(ctx); err != nil {
			o.Log.Warn("end the mount", "error", err)
		}
	}()
	if err := m.mount(ctx); err != nil {
		return errors.Join(outcome.OfContext(ctx, err), m.undo.Run(ctx))
	}
	m.undo.Keep()
	metrics := metrics.Serve(m.metrics, m.collectMetrics)
	defer metrics.Close()
	if control, err := control.Serve(m.dir, m.controlHandler()); err != nil {
		o.Log.Warn("flush, publish, unmount and status cannot ask this mount", "error", err)
	} else {
		defer control.Finish()
	}
	// Whoever reads this may go on with any command.
	o.Log.Info("mounted", "mountpoint", m.point, "target", m.target.String(), "state", m.dir)
	if err := o.Serves(filepath.Join(m.dir, daemonErrors)); err != nil {
		return errors.Join(err, m.fs.Unmount(true))
	}
	m.uploads.Start(ctx, m.staged)
	defer m.sampleRates(ctx)()
	return m.serve(ctx)
}

// mountOverhead is what a mount needs beside --memory: the cache of inodes, the
// journal's pages, and what garbage the collector has not seen yet.
const mountOverhead = 96 << 20

func (m *mount) mount(ctx context.Context) error {
	limit, reserve, err := m.stagingRoom()
	if err != nil {
		return err
	}
	var adopter adopted.Source
	if m.journal.Settings.Adopted {
		adopter = m.reader
	}
	fs, err := writable.Mount(ctx, m.point, m.journal, m.staged, m.engine, writable.Options{
		Settle: m.options.Settle, StagingLimit: limit, StagingReserve: reserve, MaxFileSize: m.options.MaxFileSize, AllowOther: m.options.AllowOther,
		Memory: m.options.Memory / 2, Log: m.options.Log, Errno: backing.Errno, Source: m.target.String(), StatePath: m.dir,
		Adopter: adopter, MostAdopted: mostAdopted,
		Cached: m.cache != nil,
	})
	if err != nil {
		return err
	}
	if err := m.notePoint(); err != nil {
		return errors.Join(err, fs.Unmount(true), fs.Close())
	}
	m.fs = fs
	return nil
}

// stagingReserve of the disk stays free for the journal, but not more than a quarter of
// what is free.
const stagingReserve = 1 << 30

// stagingRoom returns how many bytes may be staged, and how many of the disk stay free.
// Half of what was free when STATE was new is remembered: later what is staged would
// make it less and less.
func (m *mount) stagingRoom() (limit, reserve int64, err error) {
	_, free, err := m.staged.Disk()
	if err != nil {
		return 0, 0, err
	}
	reserve = min(stagingReserve, free/4)
	if m.options.StagingLimit > 0 {
		return m.options.StagingLimit, reserve, nil
	}
	path := filepath.Join(m.dir, roomName)
	if text, err := os.ReadFile(path); err == nil {
		if limit, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			return limit, reserve, nil
		}
	}
	limit = max(free/2, LeastStagingLimit)
	return limit, reserve, durable.Replace(path, func(w *bufio.Writer) error {
		_, err := fmt.Fprintln(w, limit)
		return err
	})
}

// serve waits for the end of the mount, and brings it about.
func (m *mount) serve(ctx context.Context) error {
	select {
	case err := <-m.asked: // by a command, which has done everything
		return m.unmounted(err)
	case <-m.fs.Done():
		if m.commanded.Load() {
			return m.unmounted(<-m.asked)
		}
		m.options.Log.Info("unmounted by somebody else")
	case <-ctx.Done():
		m.options.Log.Info("unmounting", "cause", context.Cause(ctx).Error())
	}
	m.options.Stops()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.StopTimeout)
	defer cancel()
	report, err := m.endWithin(limit, ctx.Err() != nil)
	return m.outcome(report, err)
}

// unmounted is the last word of a mount that a command has ended. left is what that
// says of what is not published; nil: nothing, or nobody has asked for it.
func (m *mount) unmounted(left error) error {
	if left != nil {
		return left
	}
	text := "unmounted"
	if !m.allPublished() || m.leftoverText() != "" {
		text = m.unpublished()
	}
	m.options.Log.Info(text)
	return nil
}

// endWithin uploads and publishes what there is, unmounts if that is still to be
// done, and publishes what came in meanwhile.
func (m *mount) endWithin(limit context.Context, mounted bool) (r wire.Report, err error) {
	if mounted {
		if _, _, err := m.publishLeft(limit, m.options.LeaveIncomplete); err != nil {
			m.options.Log.Warn("not everything is published", "error", err)
		}
		if err := m.fs.Unmount(true); err != nil {
			return r, err
		}
	}
	r, idle, err := m.publishLeft(limit, m.options.LeaveIncomplete)
	if err == nil && idle {
		err = m.confirmSoon(limit)
	}
	return r, err
}

// confirmSoon notices that what was published is gone, but does not hold up the end of
// a mount through an outage.
func (m *mount) confirmSoon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	err := m.engine.Confirm(ctx)
	if err != nil && !isGone(err) {
		m.options.Log.Warn("the container does not tell whether it still has what was published", "error", err)
		return nil
	}
	return err
}

// isGone reports whether an error says that a container has not what it should have.
func isGone(err error) bool {
	return errors.Is(err, bucket.ErrGone) || errors.Is(err, bucket.ErrForeign) || errors.Is(err, bucket.ErrOtherPublication) ||
		errors.Is(err, blob.ErrContainerMissing)
}

// outcome is the last word of a mount that a signal or umount has ended.
func (m *mount) outcome(r wire.Report, err error) error {
	switch published := m.allPublished(); {
	case published && isGone(err):
		return outcome.New(outcome.Incomplete, fmt.Errorf("unmounted; what was published is not there: %w", err), "")
	case published && m.leftoverText() == "":
		m.options.Log.Info("unmounted; everything is published")
		return nil
	case err == nil && r.LeftTotal == 0 && r.IncompleteTotal > 0 && m.leftoverText() == "":
		m.options.Log.Info("unmounted; everything is published but incomplete files", "files", r.IncompleteTotal)
		return nil
	}
	return m.incomplete(&r, err, fmt.Sprintf(" after %s (--stop-timeout)", m.options.StopTimeout), m.options.LeaveIncomplete)
}

// incomplete logs what is not published at the end of a mount, and makes an error of it
// for whoever has ended it. limit says how long that was tried. When it was not tried to
// the end, the report names all that is left.
func (m *mount) incomplete(r *wire.Report, err error, limit string, leave bool) error {
	if err != nil {
		if err := m.nameLeft(context.Background(), r, true, leave); err != nil {
			m.options.Log.Warn("name what is not published", "error", err)
		}
	}
	for _, l := range r.Left[:min(len(r.Left), report.Shown)] {
		m.options.Log.Warn("not published", "path", l.Bytes(), "why", l.Why)
	}
	text, hint := m.unpublished(), "it is kept in "+m.dir+", and the next mount with it resumes"
	if m.allPublished() && m.leftoverText() == "" {
		text, hint = "unmounted; what is published was not found in the container", ""
	}
	if errors.Is(err, errOutOfTime) {
		text += limit
	}
	if err != nil {
		text += ": " + err.Error()
	}
	m.options.File.Warn(text)
	return outcome.New(outcome.Incomplete, errors.New(text), hint)
}

// unpublished tells what waits for the next mount.
func (m *mount) unpublished() string {
	t := m.journal.Counts()
	text := "unmounted; not everything is published"
	if n := t.Dirty + t.Queued + t.Sealed; n > 0 {
		text = fmt.Sprintf("unmounted; %s %s (%s) not published", humanize.Comma(int64(n)), english.PluralWord(int(n), "entry", "entries"),
			report.Size(int64(t.DirtyBytes+t.QueuedBytes+t.SealedBytes)))
	} else if m.allPublished() {
		text = "unmounted; everything is published"
	}
	if left := m.leftoverText(); left != "" {
		text += "; still in the container: " + left
	}
	return text
}

// close ends everything that was begun, in the reverse order.
func (m *mount) close(ctx context.Context) error {
	var errs []error
	metrics.CloseListener(m.metrics)
	if m.uploads != nil {
		m.uploads.Close()
	}
	if m.fs != nil {
		errs = append(errs, m.fs.Close())
	}
	errs = append(errs, m.closeStaging())
	m.closeMark(ctx)
	m.closeCache()
	if m.target != nil {
		errs = append(errs, m.target.Close(ctx))
	}
	if m.journal != nil {
		errs = append(errs, m.journal.Close())
	}
	return errors.Join(append(errs, m.closeLog())...)
}

func (m *mount) closeStaging() error {
	if m.staged == nil {
		return nil
	}
	defer func() { m.staged = nil }()
	return m.staged.Close()
}

// closeLog ends the log in STATE.
func (m *mount) closeLog() error {
	if m.log == nil {
		return nil
	}
	m.options.LogTo(nil)
	defer func() { m.log = nil }()
	return m.log.Close()
}

// closeMark notes in the container that nothing of this mount is left to publish, if
// that is so. Where it fails the container only stays marked as in use.
func (m *mount) closeMark(ctx context.Context) {
	if m.uploads == nil || !m.uploads.WasClaimed() || !m.allPublished() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reachFor)
	defer cancel()
	tidy, err := m.journal.Tidy(ctx)
	if err == nil && tidy {
		err = m.engine.Close(ctx)
	}
	if err != nil {
		m.options.Log.Warn("the container stays marked as in use by this mount", "error", err)
	}
}

// MountPointOf is where the last mount with a STATE was; "" if it is not known.
func MountPointOf(stateDir string) string {
	text, err := os.ReadFile(filepath.Join(stateDir, pointName))
	if err != nil {
		return ""
	}
	return string(text)
}
