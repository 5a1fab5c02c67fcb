package main

import (
	"clfsload/sync/outcome"
	"cmp"
	"path/filepath"
)

// checkSites refuses files and directories of the command line that overlap, before
// anything is made.
func (f *mountFlags) checkSites(point string) error {
	mountPoint, err := newSite("MOUNTPOINT", point)
	if err != nil {
		return err
	}
	used := []site{mountPoint}
	stateDir := ""
	if !f.readOnly {
		if stateDir, err = mountState(f.state, mountPoint.path); err != nil {
			return err
		}
		s, err := newSite("STATE", stateDir)
		if err != nil {
			return err
		}
		used = append(used, s)
	}
	if f.target != "" {
		spec, err := targetOf([]string{f.target})
		if err != nil {
			return outcome.New(outcome.Usage, err, "")
		}
		if spec.dir != "" {
			container, err := checkContainer(spec, mountPoint.path, stateDir)
			if err != nil {
				return err
			}
			used = append(used, container)
		}
	}
	if err := f.cache.checkSite(used); err != nil {
		return err
	}
	return f.checkFiles(mountPoint, used)
}

// checkContainer refuses a container directory that overlaps with the mount point or
// with STATE, but for the one in STATE that a mount makes where none is named.
// stateDir is empty for a mount that has none.
func checkContainer(spec targetSpec, point, stateDir string) (site, error) {
	container, err := newSite("container", spec.dir)
	if err != nil {
		return site{}, err
	}
	mountPoint, err := newSite("MOUNTPOINT", point)
	if err != nil {
		return site{}, err
	}
	err = container.apartFrom(mountPoint)
	if stateDir != "" && container.path != filepath.Join(stateDir, containerDir) {
		s, siteErr := newSite("STATE", stateDir)
		if siteErr != nil {
			return site{}, siteErr
		}
		err = cmp.Or(err, container.apartFrom(s), container.outOfOthers())
	}
	return container, outcome.New(outcome.Usage, err, anotherPlace)
}

// checkFiles refuses a log in what the mount works with, and other files in the mount
// itself: the process that serves it would wait for itself.
func (f *mountFlags) checkFiles(point site, used []site) error {
	for _, file := range []struct {
		what, path string
		not        []site
	}{
		{"--log-file", f.logFile, used},
		{"--temp-dir", f.tempDir, used},
		{"--credentials-file", f.readFlags.target.credentialsFile, []site{point}},
		{"--credentials-env-file", f.readFlags.target.credentialsEnvFile, []site{point}},
	} {
		if file.path == "" {
			continue
		}
		s, err := newSite(file.what, file.path)
		if err != nil {
			return err
		}
		if err := s.outOf(file.not...); err != nil {
			return outcome.New(outcome.Usage, err, anotherPlace)
		}
	}
	return nil
}
