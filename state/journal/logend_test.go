package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// killed is a copy of a state directory as a killed process leaves it. The journal must
// be idle.
func killed(t testing.TB, j *testJournal) string {
	t.Helper()
	dir := image(t, j)
	note, err := os.ReadFile(filepath.Join(j.Dir(), logEndName))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, logEndName), note)
	return dir
}

// restarted makes a killed journal one of before the system was started anew.
func restarted(t testing.TB, dir string) {
	t.Helper()
	end, known, err := readLogEnd(dir)
	if err != nil || !known {
		t.Fatalf("end of the log: %+v, known %v, %v", end, known, err)
	}
	end.boot = "00000000-0000-0000-0000-000000000000"
	writeFile(t, filepath.Join(dir, logEndName), []byte(end.String()))
}

// busyJournal is a journal with a log of many commits, all on the disk but for the last
// one, and none in the redo log.
func busyJournal(t *testing.T) *testJournal {
	t.Helper()
	j := newJournal(t)
	for i := range 30 {
		mustAdd(t, j, Acknowledged, fmt.Sprintf("f%d", i))
		if err := j.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mustAdd(t, j, Acknowledged, "last")
	if err := j.write.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return j
}

// opens reports whether a journal is taken for whole. One that is must have the name
// that was added last.
func opens(t *testing.T, dir, last string) bool {
	t.Helper()
	j, err := openNames(dir)
	if errors.Is(err, ErrDamaged) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if !has(t, j, last) {
		t.Errorf("a journal without %s is taken for whole", last)
	}
	return true
}

func TestAJournalWhoseLogIsDamagedBeforeItsEndIsRefused(t *testing.T) {
	j := busyJournal(t)
	log := filepath.Join(killed(t, j), journalName+"-wal")
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !opens(t, filepath.Dir(log), "last") {
		t.Fatal("the log is refused as it is")
	}
	size := int(j.write.disk.end.end.written)
	for at := 0; at < size; at += size / 97 {
		dir := killed(t, j)
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 0x55
		writeFile(t, filepath.Join(dir, journalName+"-wal"), damaged)
		if opens(t, dir, "last") {
			t.Errorf("damage at byte %d of %d is not noticed", at, size)
		}
	}
	for _, size := range []int{0, 1, walHeader, size / 2, size - 1} {
		dir := killed(t, j)
		writeFile(t, filepath.Join(dir, journalName+"-wal"), whole[:size])
		if opens(t, dir, "last") {
			t.Errorf("a log that ends at byte %d is taken for whole", size)
		}
	}
	dir := killed(t, j)
	if err := os.Remove(filepath.Join(dir, journalName+"-wal")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if opens(t, dir, "last") {
			t.Error("a log that is missing is not noticed")
		}
	}
}

// What was not synced may be lost by a power cut, in any part; nothing else.
func TestAfterAPowerCutTheLogMustHoldWhatWasSynced(t *testing.T) {
	j := busyJournal(t)
	end := j.write.disk.end.end
	if end.synced == 0 || end.synced >= end.written {
		t.Fatalf("the log is synced up to %d of %d", end.synced, end.written)
	}
	for at, want := range map[int64]bool{end.synced - 1: false, end.synced: true, end.synced + 5000: true, end.written - 1: true} {
		dir := killed(t, j)
		restarted(t, dir)
		log := filepath.Join(dir, journalName+"-wal")
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		data[at] ^= 0x55
		writeFile(t, log, data)
		if got := opens(t, dir, "f29"); got != want {
			t.Errorf("damage at byte %d of a log that is synced up to %d: opened %v, want %v", at, end.synced, got, want)
		}
	}
}

// A log that sqlite has begun anew since the end was noted is another one.
func TestALogThatWasBegunAnewIsWhole(t *testing.T) {
	j := busyJournal(t)
	note, err := os.ReadFile(filepath.Join(j.Dir(), logEndName))
	if err != nil {
		t.Fatal(err)
	}
	before := j.write.disk.end.end.salt
	checkpoint(t, j)
	mustAdd(t, j, Acknowledged, "anew")
	if err := j.write.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j.write.disk.end.end.salt == before {
		t.Fatal("the log was not begun anew")
	}
	dir := killed(t, j)
	writeFile(t, filepath.Join(dir, logEndName), note)
	if !opens(t, dir, "anew") {
		t.Error("the log is refused")
	}
}

func TestAClosedJournalNeedsNoLog(t *testing.T) {
	j := busyJournal(t)
	dir := j.Dir()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, logEndName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the end of the log is still noted: %v", err)
	}
	if !opens(t, dir, "last") {
		t.Error("the journal is refused")
	}
}

func TestTheLogMustHoldEveryDurableChange(t *testing.T) {
	j := newJournal(t)
	for i := range 5 {
		mustAdd(t, j, Durable, fmt.Sprint(i))
	}
	end := j.write.disk.end.end
	if end.written <= walHeader || end.synced != end.written {
		t.Fatalf("the log is synced up to %d of %d", end.synced, end.written)
	}
	dir := killed(t, j)
	restarted(t, dir)
	if err := os.Truncate(filepath.Join(dir, journalName+"-wal"), end.written-1); err != nil {
		t.Fatal(err)
	}
	if _, err := openNames(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("a log that is cut off opens with %v", err)
	}
}

// A record that is damaged ends the redo log; one before others shows that it is damaged.
func TestARedoLogWithDamageBeforeItsEndIsRefused(t *testing.T) {
	j := newJournal(t)
	const records = 6
	var ends []int64
	for i := range records {
		mustAdd(t, j, Acknowledged, fmt.Sprintf("r%d", i))
		ends = append(ends, j.write.redoLog.size)
	}
	for i, end := range ends {
		last := i == records-1
		for _, back := range []int64{1, 3, 20} {
			dir := killed(t, j)
			redo := filepath.Join(dir, redoName)
			data, err := os.ReadFile(redo)
			if err != nil {
				t.Fatal(err)
			}
			data[end-back] ^= 0x55
			writeFile(t, redo, data)
			name := fmt.Sprintf("r%d", max(0, i-1))
			for again := range 2 { // what is refused stays so
				if got := opens(t, dir, name); got != last {
					t.Errorf("damage in record %d of %d, opened for time %d: opened %v", i, records, again+1, got)
				}
				if last {
					break
				}
			}
			if last {
				continue
			}
			dir = killed(t, j)
			restarted(t, dir)
			writeFile(t, filepath.Join(dir, redoName), data)
			if k, err := openNames(dir); err != nil {
				t.Errorf("after a power cut damage in record %d is refused: %v", i, err)
			} else {
				k.Close()
			}
		}
	}
}

func TestANoteOfTheLogsEndThatMakesNoSenseSaysNothing(t *testing.T) {
	good := logEnd{"00000000-0000-0000-0000-000000000000", 1, 2, 3}.String()
	for _, text := range []string{"", "\x00\x00\x00", good[:len(good)-1], good + "x", strings.Replace(good, "2", "3", 1), "a b c d e"} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, logEndName), []byte(text))
		if end, known, err := readLogEnd(dir); known || err != nil {
			t.Errorf("%q is read as %+v, %v", text, end, err)
		}
	}
}

// A start of which each step may be the last one: the log stays until its end is noted
// anew.
func TestAStartThatIsKilledCostsNothing(t *testing.T) {
	j := busyJournal(t)
	dir := killed(t, j)
	options, err := readOptions(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFormat(filepath.Join(dir, journalName), options, testFormat); err != nil {
		t.Fatal(err)
	}
	if !opens(t, dir, "last") {
		t.Error("refused after a start that was killed when it had looked at the version")
	}
	dir = killed(t, j)
	k, err := openNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if !opens(t, killed(t, k), "last") {
		t.Error("refused after a start that was killed before the first change")
	}
}

// Records that a power cut has left behind a gap are never taken for those of a later
// process, nor for damage.
func TestRecordsBehindAGapAreOver(t *testing.T) {
	for first := range 3 {
		j := newJournal(t)
		for i := range 6 {
			mustAdd(t, j, Acknowledged, fmt.Sprintf("r%d", i))
		}
		dir := killed(t, j)
		restarted(t, dir)
		redo := filepath.Join(dir, redoName)
		data, err := os.ReadFile(redo)
		if err != nil {
			t.Fatal(err)
		}
		length := int(j.write.redoLog.size) / 6
		data[first*length+redoHeader] ^= 0x55 // this record never reached the disk
		writeFile(t, redo, data)

		k, err := openNames(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		mustAdd(t, k, Acknowledged, "n0")
		l, err := openNames(killed(t, k))
		if err != nil {
			t.Fatalf("record %d is missing: %v", first, err)
		}
		defer l.Close()
		for i := range 6 {
			if found, want := has(t, l, fmt.Sprint("r", i)), i < first; found != want {
				t.Errorf("record %d is missing, and the entry of record %d is there: %v", first, i, found)
			}
		}
		if !has(t, l, "n0") {
			t.Errorf("record %d is missing, and what was made after the start is lost", first)
		}
	}
}

// A commit that a kill has cut off leaves whole frames, which sqlite writes again.
func TestTheEndOfTheLogIsFollowedAfterACommitThatWasCutOff(t *testing.T) {
	j := busyJournal(t)
	end := j.write.disk.end.end
	dir := killed(t, j)
	log := filepath.Join(dir, journalName+"-wal")
	if err := os.Truncate(log, end.written-1); err != nil { // without the frame that commits
		t.Fatal(err)
	}
	note := logEnd{boot: end.boot, salt: end.salt}
	writeFile(t, filepath.Join(dir, logEndName), []byte(note.String()))
	k, err := openNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	mustAdd(t, k, Acknowledged, "after")
	if err := k.write.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := k.write.disk.end.end.written
	mustAdd(t, k, Acknowledged, "more")
	if err := k.write.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := k.write.disk.end.end.written; now <= before {
		t.Errorf("the end of the log stays at byte %d", now)
	}
	dir = killed(t, k)
	if err := os.Truncate(filepath.Join(dir, journalName+"-wal"), k.write.disk.end.end.written-1); err != nil {
		t.Fatal(err)
	}
	if opens(t, dir, "more") {
		t.Error("a log that is cut off is taken for whole")
	}
}
