package exerciser

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInterrupted says that the file system is gone: nobody answers for it.
var ErrInterrupted = errors.New("the file system is gone")

// Options of an Exerciser. The zero value is good for most.
type Options struct {
	Seed    uint64 // of the sequence of steps
	Entries int    // about how many names there are, 120 if 0
	Large   int    // about the most bytes of the four largest files, 18 MiB if 0
	Small   int    // about the most bytes of the others, 100,000 if 0
	Names   bool   // mostly names come, go and move, links above all; nothing is written
}

// defaults fills in what is 0.
func (o Options) defaults() Options {
	if o.Entries == 0 {
		o.Entries = 120
	}
	if o.Large == 0 {
		o.Large = 18 << 20
	}
	if o.Small == 0 {
		o.Small = 100_000
	}
	return o
}

// An Exerciser owns a directory. It is not safe for concurrent use; several may
// work in different directories at once.
type Exerciser struct {
	options Options
	random  *rand.Rand
	root    string
	tree    *node
	nodes   []*node // all that have a name, and the root first
	handles []*handle
	umask   uint32
	steps   int
	log     []string // the last of what was done
	pending *change  // the call that is under way, or was when the file system went

	// The tests of this package make failures with these.
	intercept func(call func() error) error
	gone      func() bool
}

// New takes over an empty directory that exists.
func New(root string, o Options) (*Exerciser, error) {
	o = o.defaults()
	e := &Exerciser{
		options:   o,
		random:    rand.New(rand.NewPCG(o.Seed, o.Seed)),
		root:      root,
		tree:      &node{kind: unix.S_IFDIR, children: map[string]*node{}},
		intercept: func(call func() error) error { return call() },
	}
	e.gone = func() bool { return gone(root) }
	e.nodes = []*node{e.tree}
	var st unix.Stat_t
	if err := unix.Lstat(root, &st); err != nil {
		return nil, fmt.Errorf("exercise %s: %w", root, err)
	}
	e.tree.mode, e.tree.uid, e.tree.gid = st.Mode&0o7777, st.Uid, st.Gid
	e.tree.number, e.tree.mtime, e.tree.ctime = st.Ino, st.Mtim.Nano(), st.Ctim.Nano()
	var err error
	e.umask, err = umask()
	return e, err
}

// gone reports whether the process that serves a file system has died. A call that was
// just handed to it then ends with EIO, and so may the next one, before the connection
// is closed.
func gone(root string) bool {
	var st unix.Statfs_t
	err := unix.Statfs(root, &st)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); errors.Is(err, unix.EIO) && time.Now().Before(end); <-tick.C {
		err = unix.Statfs(root, &st)
	}
	return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
}

// umask is the process's, which can be read without changing it.
func umask() (mask uint32, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "Umask:")
	_, err = fmt.Sscanf(after, "%o", &mask)
	return mask, err
}

// Steps is how many steps were made.
func (e *Exerciser) Steps() int { return e.steps }

// Run makes that many steps, and compares everything at the end.
func (e *Exerciser) Run(steps int) error {
	for range steps {
		if err := e.Step(); err != nil {
			return err
		}
	}
	return e.Check()
}

// RunFor is Run for as long as d.
func (e *Exerciser) RunFor(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := e.Step(); err != nil {
			return err
		}
	}
	return e.Check()
}

// Step does one random thing. Its error is ErrInterrupted or tells what is wrong.
func (e *Exerciser) Step() error {
	e.steps++
	return e.explain(e.pick()(e))
}

// explain adds to an error what repeats it.
func (e *Exerciser) explain(err error) error {
	if err == nil || errors.Is(err, ErrInterrupted) {
		return err
	}
	return fmt.Errorf("seed %d, step %d in %s: %w\nafter\n  %s", e.options.Seed, e.steps, e.root, err, strings.Join(e.log, "\n  "))
}

// note remembers what is about to be done.
func (e *Exerciser) note(format string, arguments ...any) {
	const most = 40
	line := fmt.Sprintf("%d: ", e.steps) + fmt.Sprintf(format, arguments...)
	if e.log = append(e.log, line); len(e.log) > most {
		e.log = e.log[1:]
	}
}

// wrong is the error of a call that had to succeed while nothing was changed.
func (e *Exerciser) wrong(what string, err error) error {
	if e.gone() {
		e.drop()
		return ErrInterrupted
	}
	return fmt.Errorf("%s: %w", what, err)
}

// deeds are what a step can be, with how often: in general, and with Options.Names.
var deeds = []struct {
	weight, names int
	do            func(*Exerciser) error
}{
	{10, 2, (*Exerciser).create},
	{6, 3, (*Exerciser).mkdir},
	{4, 10, (*Exerciser).symlink},
	{2, 2, (*Exerciser).mknod},
	{6, 12, (*Exerciser).link},
	{7, 12, (*Exerciser).unlink},
	{4, 3, (*Exerciser).rmdir},
	{14, 34, (*Exerciser).rename},
	{4, 3, (*Exerciser).chmod},
	{4, 3, (*Exerciser).chown},
	{4, 6, (*Exerciser).utimes},
	{22, 0, (*Exerciser).write},
	{8, 0, (*Exerciser).appendTo},
	{10, 0, (*Exerciser).truncate},
	{6, 0, (*Exerciser).allocate},
	{6, 0, (*Exerciser).copyRange},
	{8, 0, (*Exerciser).mapWrite},
	{6, 0, (*Exerciser).open},
	{5, 2, (*Exerciser).close},
	{3, 0, (*Exerciser).sync},
	{10, 0, (*Exerciser).read},
	{4, 0, (*Exerciser).seek},
	{4, 1, (*Exerciser).list},
}

// pick chooses a deed. A tree that is too large loses more than it gains.
func (e *Exerciser) pick() func(*Exerciser) error {
	if len(e.nodes) > e.options.Entries && e.random.IntN(2) == 0 {
		return []func(*Exerciser) error{(*Exerciser).unlink, (*Exerciser).unlink, (*Exerciser).rmdir}[e.random.IntN(3)]
	}
	weights := make([]int, len(deeds))
	total := 0
	for i, d := range deeds {
		if weights[i] = d.weight; e.options.Names {
			weights[i] = d.names
		}
		total += weights[i]
	}
	n := e.random.IntN(total)
	for i, d := range deeds {
		if n -= weights[i]; n < 0 {
			return d.do
		}
	}
	return nil
}
