package state

import (
	"testing"

	"clfsload/state/store"
)

// A directory that only a publication which was cut off has put is removed while the next one
// begins: nothing leads there, and nothing must.
func TestADirectoryThatIsRemovedWhileAPublicationBeginsStaysOutOfReach(t *testing.T) {
	j := newMount(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(s *Snapshot, list ...Ino) {
		var puts []Put
		for _, ino := range list {
			puts = append(puts, Put{Node: nodeOf(t, j, ino), Blocks: 1, Snapshot: s.Seq(), Final: true, Complete: true})
		}
		must(j.RecordPuts(ctx, puts))
	}
	s, err := j.BeginPublish(ctx, false) // complete, with the root
	must(err)
	must(j.ReachNew(ctx))
	put(s, RootIno)
	must(s.Close())
	must(j.EndPublish(ctx, s.Seq()))

	d := addNode(t, j, RootIno, "d", directory)
	x := addNode(t, j, d.Ino, "x", directory)
	y := addNode(t, j, d.Ino, "y", directory) // is never put
	s, err = j.BeginPublish(ctx, false)
	must(err)
	put(s, d.Ino) // lists x and y; then the publication is cut off
	must(s.Close())

	// The next one begins, and before it has its snapshot:
	must(j.Write(ctx, store.Durable, func(t *store.Tx) error { t.Ledger.Publication++; return nil }))
	_, _, err = j.Rename(ctx, Rename{From: d.Ino, Name: []byte("x"), To: RootIno, NewName: []byte("x")})
	must(err)
	_, err = j.Rmdir(ctx, d.Ino, []byte("y"), 1, nil)
	must(err)
	_, err = j.Rmdir(ctx, RootIno, []byte("d"), 1, nil)
	must(err)
	s, err = j.PublicationSnapshot(ctx, false)
	must(err)
	put(s, x.Ino)
	must(j.ReachNew(ctx)) // and it is cut off
	must(s.Close())

	s, err = j.BeginPublish(ctx, false)
	must(err)
	defer s.Close()
	list, err := s.Tombstones(ctx, RootIno, Tombstone{}, 100)
	must(err)
	for _, l := range list {
		t.Errorf("the root is to list %d %s (lives %v), whose blob lists %d, which was never put", l.Ino, l.Name, l.Lives, y.Ino)
	}
}
