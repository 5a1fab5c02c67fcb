package main

import (
	"clfsload/fusefs/daemon"
	"clfsload/fusefs/daemon/backing"
	"clfsload/sync/outcome"
	"clfsload/sync/site"
	"clfsload/sync/target"
)

// checkSites refuses files and directories of the command line that overlap, before anything is
// created.
func (f *mountFlags) checkSites(point string) error {
	mountPoint, err := site.New("MOUNTPOINT", point)
	if err != nil {
		return err
	}
	used := []site.Site{mountPoint}
	stateDir := ""
	if !f.readOnly {
		if stateDir, err = daemon.StateDir(f.state, mountPoint.Path); err != nil {
			return err
		}
		s, err := site.New("STATE", stateDir)
		if err != nil {
			return err
		}
		used = append(used, s)
	}
	if f.target != "" {
		spec, err := target.ParseSpec([]string{f.target})
		if err != nil {
			return outcome.New(outcome.Usage, err, "")
		}
		if spec.Dir != "" {
			container, err := backing.CheckSite(spec, mountPoint.Path, stateDir)
			if err != nil {
				return err
			}
			used = append(used, container)
		}
	}
	if err := f.cache.CheckSite(used); err != nil {
		return err
	}
	return f.checkFiles(mountPoint, used)
}

// checkFiles refuses a log inside of the mount's own directories, and other files inside of the
// mount: the process that serves the mount would wait for itself.
func (f *mountFlags) checkFiles(point site.Site, used []site.Site) error {
	for _, file := range []struct {
		what, path string
		not        []site.Site
	}{
		{"--log-file", f.logFile, used},
		{"--temp-dir", f.tempDir, used},
		{"--credentials-file", f.readFlags.target.CredentialsFile, []site.Site{point}},
		{"--credentials-env-file", f.readFlags.target.CredentialsEnvFile, []site.Site{point}},
	} {
		if file.path == "" {
			continue
		}
		s, err := site.New(file.what, file.path)
		if err != nil {
			return err
		}
		if err := s.OutOf(file.not...); err != nil {
			return outcome.New(outcome.Usage, err, site.AnotherPlace)
		}
	}
	return nil
}
