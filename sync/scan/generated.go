package scan

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// generated are the file systems whose files the kernel generates at each read: their sizes say
// nothing about their contents, some never end, and some wait for a reader. The numbers are those
// of statfs(2).
var generated = map[int64]string{
	unix.BINFMTFS_MAGIC:       "binfmt_misc",
	unix.BPF_FS_MAGIC:         "bpf",
	unix.CGROUP2_SUPER_MAGIC:  "cgroup2",
	unix.CGROUP_SUPER_MAGIC:   "cgroup",
	unix.DEBUGFS_MAGIC:        "debugfs",
	unix.NSFS_MAGIC:           "nsfs",
	unix.PROC_SUPER_MAGIC:     "proc",
	unix.RDTGROUP_SUPER_MAGIC: "resctrl",
	unix.SECURITYFS_MAGIC:     "securityfs",
	unix.SELINUX_MAGIC:        "selinuxfs",
	unix.SMACK_MAGIC:          "smackfs",
	unix.SYSFS_MAGIC:          "sysfs",
	unix.TRACEFS_MAGIC:        "tracefs",
	0x62656570:                "configfs",
	0x65735543:                "fusectl",
	0x67596969:                "rpc_pipefs",
	0x6e667364:                "nfsd",
}

// refuseGenerated reports a file that the kernel generates as an unreadable entry, without opening
// it.
func (t *Tree) refuseGenerated(dir *os.File, e *state.Entry) {
	if e.Failure != nil || e.Attr.Type != clfs.TypeRegular {
		return
	}
	if system := t.generatedBy(dir, string(e.Name), e.Attr.Dev); system != "" {
		reason := fmt.Sprintf("it is on a file system of type %s: the kernel generates its contents at each read; exclude it", system)
		*e = state.Entry{Name: e.Name, Failure: &state.Failure{Op: "read", Reason: reason}}
	}
}

// generatedBy returns the type of the generated file system of a file; "" for any other file
// system. Each file system is queried once: on a network that costs a request.
func (t *Tree) generatedBy(dir *os.File, name string, dev uint64) string {
	if known, found := t.systems.Load(dev); found {
		return known.(string)
	}
	var fd int
	err := retryEINTR(func() (err error) {
		fd, err = unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := retryEINTR(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return ""
	}
	system := generated[int64(st.Type)]
	t.systems.Store(dev, system)
	return system
}
