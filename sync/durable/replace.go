package durable

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"

	"clfsload/state"
)

// Replace writes a file under a temporary name and renames it: a reader finds the old file or the
// complete new one. After Replace has returned, a power cut leaves the new one.
func Replace(path string, write func(*bufio.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = fill(f, write)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return state.SyncDir(filepath.Dir(path))
}

func fill(f *os.File, write func(*bufio.Writer) error) error {
	w := bufio.NewWriter(f)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
