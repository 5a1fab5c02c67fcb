package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

// jammed is a container whose puts of segments never get their turn, as with a low
// bandwidth limit, until they are let go.
type jammed struct {
	*mem.Container
	letGo chan struct{}
}

func (c *jammed) Put(ctx context.Context, name string, data []byte) error {
	if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
		select {
		case <-c.letGo:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return c.Container.Put(ctx, name, data)
}

// The jam ends only when the upload has ended: one that was not canceled would wait for ever.
func TestTheUploadOfAFileThatIsGoneIsCanceled(t *testing.T) {
	for name, change := range map[string]func(*mount){
		"removed":                    func(m *mount) { m.unlink("d/file") },
		"removed with its directory": func(m *mount) { m.unlink("d/file"); m.rmdir("d") },
		"replaced":                   func(m *mount) { m.write("d/new", 5, 2); m.rename("d/new", "d/file") },
		"emptied":                    func(m *mount) { m.truncate("d/file", 0) },
		"cut":                        func(m *mount) { m.truncate("d/file", one) },
		"written again":              func(m *mount) { m.rewrite("d/file", []byte("new"), 20000) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &jammed{Container: mem.New(), letGo: make(chan struct{})}
				m := newMount(t, c)
				m.mkdir("d")
				ino := m.write("d/file", three, 1).Ino
				m.settle()
				m.check(m.running(func(ctx context.Context) error {
					synctest.Wait() // its segments are jammed
					change(m)
					if err := m.engine.claims.Removal(ctx, ino); err != nil {
						return err
					}
					m.engine.claims.Release(ino)
					return nil
				}))
				close(c.letGo)
				m.mustPublish()
				m.sound()
			})
		})
	}
}

func TestTheEarlyUploadOfABlockThatIsGoneIsCanceled(t *testing.T) {
	for name, change := range map[string]func(*mount, state.Ino){
		"removed":            func(m *mount, _ state.Ino) { m.unlink("file") },
		"removed and in use": func(m *mount, ino state.Ino) { m.unlinkUsed("file") },
		"written again":      func(m *mount, ino state.Ino) { m.pwrite(ino, []byte("new"), clfs.FirstSegmentBytes) },
		"emptied": func(m *mount, ino state.Ino) {
			_, err := m.journal.Truncate(m.t.Context(), ino, 0, m.now())
			m.check(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &jammed{Container: mem.New(), letGo: make(chan struct{})}
				m := newMount(t, c)
				n := m.add("file", clfs.TypeRegular, "")
				m.pwrite(n.Ino, make([]byte, three), 0)
				m.check(m.journal.QueueBlock(t.Context(), n.Ino, 1))
				m.check(m.running(func(ctx context.Context) error {
					synctest.Wait()
					change(m, n.Ino)
					if err := m.engine.claims.Removal(ctx, n.Ino); err != nil {
						return err
					}
					m.engine.claims.Release(n.Ino)
					return nil
				}))
			})
		})
	}
}

func (m *mount) unlinkUsed(p string) {
	m.t.Helper()
	dir, name := m.parent(p)
	_, err := m.journal.Unlink(m.t.Context(), dir, name, m.now(), func(state.Ino) bool { return true })
	m.check(err)
}

// Names and attributes are no part of what a segment holds.
func TestTheUploadOfAFileThatIsStillThereGoesOn(t *testing.T) {
	for name, change := range map[string]func(*mount){
		"one of its links is removed": func(m *mount) { m.unlink("file") },
		"a link is made":              func(m *mount) { m.link("file", "third") },
		"it is renamed":               func(m *mount) { m.rename("file", "d/renamed") },
		"its mode changes":            func(m *mount) { m.chmod("file", 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t, mem.New())
			m.mkdir("d")
			m.write("file", three, 1)
			m.link("file", "d/second")
			m.settle()
			taken := m.lookup("file")
			change(m)
			if useless, err := m.engine.isUseless(t.Context(), job{node: taken}); useless || err != nil {
				t.Errorf("it counts as useless: %v, %v", useless, err)
			}
		})
	}
}

// A put that has begun may land at any time until it ends: what it leaves is deleted before the
// publication is over, which knows nothing else of the file.
func TestAPublicationWaitsForTheUploadsOfRemovedFilesAndDeletesWhatTheyLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &spy{Container: mem.New()}
		m := newMount(t, c)
		var once sync.Once
		letGo := make(chan struct{})
		c.before = func(name string, _ []byte) error {
			if nameOf(t, name).Type == clfs.TypeSegment {
				once.Do(func() { <-letGo })
			}
			return nil
		}
		m.write("file", one, 1)
		m.settle()
		m.check(m.running(func(ctx context.Context) error {
			synctest.Wait()
			m.unlink("file")
			ended := make(chan error, 1)
			go func() { _, err := m.engine.PublishMount(ctx); ended <- err }()
			synctest.Wait()
			select {
			case err := <-ended:
				t.Errorf("the publication ended (%v) while a segment of a removed file is put", err)
				ended <- err
			default:
			}
			close(letGo)
			return <-ended
		}))
		m.sound()
	})
}

func TestAPublicationThatCannotDeleteSaysThatItIsCompleteButForThat(t *testing.T) {
	c := &undeletable{Container: mem.New()}
	m := newMount(t, c)
	m.write("file", three, 1)
	m.mustPublish()
	m.unlink("file")
	c.refuse = true
	r, err := m.engine.PublishMount(t.Context())
	if !errors.Is(err, publish.ErrLeftover) || !errors.Is(err, blob.ErrPermission) || r.Directories != 1 {
		t.Errorf("report %+v, %v", r, err)
	}
	left, err := m.journal.Leftovers(t.Context())
	if err != nil || left != (state.Leftovers{Removed: 1, Replaced: 1}) { // the file, and the old root
		t.Errorf("left: %+v, %v", left, err)
	}
	c.refuse = false
	m.mustPublish()
	m.sound()
	if left, err = m.journal.Leftovers(t.Context()); err != nil || left.Any() {
		t.Errorf("left in the end: %+v, %v", left, err)
	}
}

type undeletable struct {
	*mem.Container
	refuse bool
}

func (c *undeletable) Delete(ctx context.Context, name string) error {
	if c.refuse {
		return blob.ErrPermission
	}
	return c.Container.Delete(ctx, name)
}
