package main

import (
	"clfsload/sync/outcome"
	"cmp"
)

// checkSites refuses a DEST that overlaps with a container directory, or lies in
// the STATE or container of something else, and a report in the container.
func (e *exportCommand) checkSites(container, dest string) error {
	spec, err := targetOf([]string{container})
	if err != nil {
		return outcome.New(outcome.Usage, err, "")
	}
	to, err := newSite("DEST", dest)
	if err != nil {
		return err
	}
	made := []site{to}
	if e.report != "" {
		report, err := newSite("--report", e.report)
		if err != nil {
			return err
		}
		made = append(made, report)
	}
	for _, s := range made {
		err = cmp.Or(err, s.outOfOthers())
	}
	if spec.dir != "" {
		container, siteErr := newSite("container", spec.dir)
		if siteErr != nil {
			return siteErr
		}
		err = cmp.Or(err, container.outOf(to))
		for _, s := range made {
			err = cmp.Or(err, s.outOf(container))
		}
	}
	return outcome.New(outcome.Usage, err, anotherPlace)
}
