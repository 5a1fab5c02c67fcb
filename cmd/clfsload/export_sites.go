package main

import (
	"cmp"

	"clfsload/sync/outcome"
	"clfsload/sync/site"
	"clfsload/sync/target"
)

// checkSites refuses a DEST that overlaps with a container directory, or lies in the STATE or
// container of another load or mount. It also refuses a report inside of the container.
func (e *exportCommand) checkSites(container, dest string) error {
	spec, err := target.ParseSpec([]string{container})
	if err != nil {
		return outcome.New(outcome.Usage, err, "")
	}
	to, err := site.New("DEST", dest)
	if err != nil {
		return err
	}
	made := []site.Site{to}
	if e.report != "" {
		report, err := site.New("--report", e.report)
		if err != nil {
			return err
		}
		made = append(made, report)
	}
	for _, s := range made {
		err = cmp.Or(err, s.OutOfOthers())
	}
	if spec.Dir != "" {
		container, siteErr := site.New("container", spec.Dir)
		if siteErr != nil {
			return siteErr
		}
		err = cmp.Or(err, container.OutOf(to))
		for _, s := range made {
			err = cmp.Or(err, s.OutOf(container))
		}
	}
	return outcome.New(outcome.Usage, err, site.AnotherPlace)
}
