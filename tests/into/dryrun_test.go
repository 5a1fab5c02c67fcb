package into

import (
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// plan is what a dry run prints with --json.
type plan struct {
	Version  string           `json:"version"`
	Source   string           `json:"source"`
	Target   string           `json:"target"`
	Into     string           `json:"into"`
	Entries  map[string]int64 `json:"entries"`
	Bytes    int64            `json:"bytes"`
	Failures int64            `json:"failures"`
}

// isItem matches a line of rsync --itemize-changes.
var isItem = regexp.MustCompile(`(?m)^(?:[<>ch.*][fdLDS][.+?cstpoguax]{9}|\*deleting  ) .*$`)

// items are the changes that were printed. Of devices and of other special files rsync does not
// tell one kind from the other, so what differs of them is left out.
func items(printed string) []string {
	list := isItem.FindAllString(printed, -1)
	for i, line := range list {
		if line[1] == 'S' || line[1] == 'D' {
			list[i] = line[:2] + line[11:]
		}
	}
	slices.Sort(list)
	return list
}

func TestADryRunItemisesWhatRsyncWouldDo(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
	}{
		{"update", []string{"--delete"}}, {"checksum", []string{"--checksum", "--delete"}},
		{"sizes", []string{"--size-only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
				n := newVariety(t, random, plainNames)
				var printed string
				n.mustLeaveAll(func() { printed = n.load(append(c.flags, "--update", "--dry-run")...).MustExit(harness.ExitOK).Stdout })
				would, _ := harness.Rsync(append(c.flags, "-ain", harness.ExactTimes, "--mkpath", n.source+"/", n.destination()+"/")...)
				got, want := items(printed), items(would)
				trees.ReportLines(t, "the dry run does not print", harness.LinesWithout(want, got))
				trees.ReportLines(t, "rsync does not print", harness.LinesWithout(got, want))
			})
		})
	}
}

// mustLeaveAll runs do, which must change neither a byte nor a time of the container, and must not
// make STATE.
func (n *into) mustLeaveAll(do func()) {
	n.t.Helper()
	before := harness.BytesOf(n.t, n.blobs)
	n.mustLeaveContainer(do)
	trees.ReportLines(n.t, "the container was touched", harness.LinesWithout(harness.BytesOf(n.t, n.blobs), before))
	harness.MustNotExist(n.t, n.state)
}

func (n *into) plan(flags ...string) (p plan) {
	n.t.Helper()
	harness.Decode(n.t, n.again(append(flags, "--dry-run", "--json")...).MustExit(harness.ExitOK).Stdout, &p)
	return p
}

// entries are the totals of the last run.
func (n *into) entries() map[string]int64 {
	n.t.Helper()
	var report struct {
		Run struct {
			Entries map[string]int64 `json:"entries"`
		} `json:"this_run"`
	}
	harness.Decode(n.t, harness.ReadText(n.t, filepath.Join(n.state, "report.json")), &report)
	return report.Run.Entries
}

func mustEqualCounts(t *testing.T, foretold, done map[string]int64) {
	t.Helper()
	for name, value := range foretold {
		if done[name] != value {
			t.Errorf("%s: foretold %v, done %v", name, foretold, done)
		}
	}
	if len(foretold) != 5 || len(done) != 5 {
		t.Errorf("foretold %v, done %v", foretold, done)
	}
}

func TestTheTotalsOfADryRunAreThoseOfTheLoad(t *testing.T) {
	for _, flags := range [][]string{{"--update", "--delete"}, {"--publish-incomplete"}, {"--ignore-existing"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
				n := newVariety(t, random, plainNames)
				p := n.plan(append(flags, "--new", "--max-errors", "0")...)
				harness.MustNotExist(t, n.state)
				if p.Source != n.source || p.Target != "dir:"+n.blobs || p.Into != n.path || p.Version == "" {
					t.Errorf("it says %+v", p)
				}
				res := n.load(append(flags, "--max-errors", "0")...)
				if (res.Code == harness.ExitIncomplete) != (p.Failures > 0) {
					t.Errorf("foretold %d failures, exit code %d", p.Failures, res.Code)
				}
				mustEqualCounts(t, p.Entries, n.entries())
			})
		})
	}
}
