package backing

import (
	"cmp"
	"path/filepath"

	"clfsload/sync/outcome"
	"clfsload/sync/site"
	"clfsload/sync/target"
)

// ContainerDir is the directory in STATE that is the container where none is named.
const ContainerDir = "container"

// CheckSite refuses a container directory that overlaps with the mount point or
// with STATE, but for the one in STATE that a mount makes where none is named.
// stateDir is empty for a mount that has none.
func CheckSite(spec target.Spec, point, stateDir string) (site.Site, error) {
	container, err := site.New("container", spec.Dir)
	if err != nil {
		return site.Site{}, err
	}
	mountPoint, err := site.New("MOUNTPOINT", point)
	if err != nil {
		return site.Site{}, err
	}
	err = container.ApartFrom(mountPoint)
	if stateDir != "" && container.Path != filepath.Join(stateDir, ContainerDir) {
		s, siteErr := site.New("STATE", stateDir)
		if siteErr != nil {
			return site.Site{}, siteErr
		}
		err = cmp.Or(err, container.ApartFrom(s), container.OutOfOthers())
	}
	return container, outcome.New(outcome.Usage, err, site.AnotherPlace)
}
