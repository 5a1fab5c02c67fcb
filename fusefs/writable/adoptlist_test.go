package writable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/state"
)

// reader is an open directory.
type reader struct {
	k      *kernel
	dir    uint64
	fh     uint64
	offset uint64
}

func (k *kernel) openDir(dir uint64) *reader {
	k.t.Helper()
	var out fuse.OpenOut
	k.ok("opendir", k.fs.OpenDir(nil, &fuse.OpenIn{InHeader: header(dir)}, &out))
	return &reader{k, dir, out.Fh, 0}
}

func (r *reader) close() {
	r.k.fs.ReleaseDir(&fuse.ReleaseIn{InHeader: header(r.dir), Fh: r.fh})
}

// direntHead is what an entry has in an answer before its name, and direntPlus what is before that.
const (
	direntHead = 24
	direntPlus = 128
)

// page reads so many bytes of entries. None: the directory ends.
func (r *reader) page(size int, plus bool) (names []string) {
	r.k.t.Helper()
	buf := make([]byte, size)
	list := fuse.NewDirEntryList(buf, r.offset)
	in := &fuse.ReadIn{InHeader: header(r.dir), Fh: r.fh, Offset: r.offset, Size: uint32(size)}
	read, before := r.k.fs.ReadDir, 0
	if plus {
		read, before = r.k.fs.ReadDirPlus, direntPlus
	}
	r.k.ok("readdir", read(nil, in, list))
	for len(buf) >= before+direntHead {
		e := buf[before:]
		length := int(binary.NativeEndian.Uint32(e[16:]))
		if length == 0 {
			break
		}
		r.offset = binary.NativeEndian.Uint64(e[8:])
		if name := string(e[direntHead : direntHead+length]); name != "." && name != ".." {
			names = append(names, name)
		}
		buf = buf[min(len(buf), before+(direntHead+length+7)&^7):]
	}
	return names
}

// rest reads up to the end, and calls between before each page.
func (r *reader) rest(size int, plus bool, between func()) (names []string) {
	r.k.t.Helper()
	for {
		between()
		before := r.offset
		names = append(names, r.page(size, plus)...)
		if r.offset == before {
			return names
		}
	}
}

// addMany adds files to a directory, and returns their names.
func (a *fakeAdopter) addMany(dir state.Ino, first uint64, count int) (names []string) {
	for i := range count {
		name := fmt.Sprintf("%04d", i)
		a.add(dir, name, clfs.TypeFIFO, first+uint64(i))
		names = append(names, name)
	}
	return names
}

// While a directory is being read its entries stay in the journal, so that each is listed once: whatever
// else is done meanwhile.
func TestADirectoryThatIsBeingReadLosesAndRepeatsNoEntry(t *testing.T) {
	for name, between := range map[string]func(k *kernel){
		"nothing else": func(*kernel) {},
		"a change elsewhere": func(k *kernel) {
			k.create(rootNode, "other").close()
			k.ok("unlink", k.unlink(rootNode, "other"))
		},
		"a lookup": func(k *kernel) {
			d := k.look(rootNode, "d")
			for _, name := range []string{"0000", "0100", "0199"} {
				k.fs.Forget(k.look(d, name), 1)
			}
			k.fs.Forget(d, 1)
		},
		"another reader": func(k *kernel) { k.names(2000, false) },
	} {
		for _, plus := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", with attributes ", plus), func(t *testing.T) {
				k, a := newAdoptedKernel(t)
				d := uint64(a.add(state.RootIno, "d", clfs.TypeDirectory, 2000))
				want := a.addMany(state.Ino(d), 5000, 200)
				k.fs.Forget(k.look(rootNode, "d"), 1)
				drop := func() {
					between(k)
					k.awaitReadAhead()
					k.useOtherDirectories()
					for _, dir := range []state.Ino{state.RootIno, state.Ino(d)} {
						if _, err := k.fs.partial.DropDirectory(t.Context(), dir); err != nil {
							t.Fatal(err)
						}
					}
				}
				r := k.openDir(d)
				if got := r.rest(4096, plus, drop); !slices.Equal(got, want) {
					t.Errorf("listed are %q", got)
				}
				r.offset = 0 // rewinddir
				if got := r.rest(2048, plus, drop); !slices.Equal(got, want) {
					t.Errorf("listed again are %q", got)
				}
				k.fs.Forget(d, ^uint64(0))
				for i := range uint64(len(want)) {
					k.fs.Forget(5000+i, ^uint64(0))
				}
				r.close()
				drop()
				if n := k.node(d); n.Flags&state.Unlisted == 0 {
					t.Error("it was not dropped once it was closed")
				}
			})
		}
	}
}

// A directory may be opened when it was just found to be closed: what is dropped then is read again.
func TestADirectoryThatIsOpenedWhileItIsDroppedIsListedWhole(t *testing.T) {
	k, a := newAdoptedKernel(t)
	want := a.addMany(state.RootIno, 5000, 20)
	k.names(rootNode, false)
	k.useOtherDirectories()
	listed, dropped := make(chan []string, 1), make(chan struct{})
	a.drops = func() {
		a.mu.Lock()
		a.before = func(state.Unread) { <-dropped }
		a.mu.Unlock()
		r := k.openDir(rootNode)
		go func() {
			defer r.close()
			listed <- r.rest(4096, false, func() {})
		}()
		awaitReadLock()
	}
	k.dropRoot()
	if k.node(rootNode).Flags&state.Unlisted == 0 {
		t.Error("it was not dropped")
	}
	close(dropped)
	if got := <-listed; !slices.Equal(got, want) {
		t.Errorf("listed are %q", got)
	}
}

// awaitReadLock waits until a goroutine waits for a lock that is shared.
func awaitReadLock() {
	for stacks := make([]byte, 1<<20); ; {
		if bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("[sync.RWMutex.RLock")) {
			return
		}
		runtime.Gosched()
	}
}
