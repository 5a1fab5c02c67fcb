package project

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

var (
	codeSpan   = regexp.MustCompile("`[^`\n]+`")
	sourceFile = regexp.MustCompile(`^[a-z0-9_/]+\.go$`) // cmd_NAME.go stands for many
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInSlug  = regexp.MustCompile(`[^\w\- ]`)
)

// sourceFiles returns the paths of all Go files below root, and their names without the folder.
func sourceFiles(t *testing.T, root string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		known[d.Name()] = true
		relative, err := filepath.Rel(root, path)
		known[relative] = true
		return err
	})
	if err != nil || len(known) < 100 {
		t.Fatalf("found %d source files: %v", len(known), err)
	}
	return known
}

// pages returns the texts of the documentation by their paths.
func pages(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	if len(all) < 10 {
		t.Fatalf("found %d pages only", len(all))
	}
	return all
}

// A path that is not there sends whoever looks for the place of a change astray.
func TestPagesNameOnlySourceFilesThatExist(t *testing.T) {
	root := harness.Root()
	known := sourceFiles(t, root)
	for page, text := range pages(t, root) {
		for _, span := range codeSpan.FindAllString(text, -1) {
			if path := strings.Trim(span, "`"); sourceFile.MatchString(path) && !known[path] {
				t.Errorf("%s names %s, which does not exist", page, path)
			}
		}
	}
}

// anchors returns what a link to a heading of the page has after its #.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		slug := notInSlug.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}

func TestPagesLinkOnlyToPagesAndHeadingsThatExist(t *testing.T) {
	all := pages(t, harness.Root())
	for _, page := range slices.Sorted(maps.Keys(all)) {
		for _, link := range pageLink.FindAllStringSubmatch(all[page], -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			name, anchor, _ := strings.Cut(link[1], "#")
			target := page
			if name != "" {
				target = filepath.Join(filepath.Dir(page), name)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, link[1], err)
			}
			if anchor != "" && !anchors(all[target])[anchor] {
				t.Errorf("%s links to %s: no such heading", page, link[1])
			}
		}
	}
}
