package project

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// A layer is a row of the table of packages in docs/design.md: what the packages in a folder may import.
type layer struct {
	path string   // the folder and all folders below it that have no row
	ours []string // our packages that it may import, and all packages below them
}

// never are packages of others that the format may not import, nor packages below them. What it makes
// depends on its arguments alone.
var never = []string{"os", "net", "database/sql", "crypto/rand", "math/rand", "log", "syscall"}

var (
	layerRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| .* \\| ([^|]+) \\|$")
	quoted   = regexp.MustCompile("`([a-z0-9/]+)`")
)

// readLayers reads the table of packages.
func readLayers(t *testing.T) (layers []layer) {
	t.Helper()
	_, table, found := strings.Cut(harness.ReadText(t, harness.InModule("docs/design.md")), "\n| package | does | may import of ours |\n")
	table, _, ended := strings.Cut(table, "\n\n")
	rows := layerRow.FindAllStringSubmatch(table+"\n", -1)
	if lines := strings.Count(table, "\n"); !found || !ended || len(rows) != lines {
		t.Fatalf("docs/design.md has %d rows of packages in %d lines of a table", len(rows), lines)
	}
	for _, row := range rows {
		l := layer{path: row[1]}
		for _, path := range quoted.FindAllStringSubmatch(row[2], -1) {
			l.ours = append(l.ours, path[1])
		}
		if info, err := os.Stat(harness.InModule(l.path)); err != nil || !info.IsDir() {
			t.Errorf("docs/design.md has a row of %s, which is no folder", l.path)
		}
		layers = append(layers, l)
	}
	return layers
}

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
}

const module = "clfsload"

// within tells whether pkg is path or below it.
func within(pkg, path string) bool {
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	command.Dir = harness.Root()
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	return packages
}

// layerOf is the row with the longest path.
func layerOf(t *testing.T, layers []layer, path string) (of layer) {
	t.Helper()
	for _, l := range layers {
		if within(path, l.path) && len(l.path) > len(of.path) {
			of = l
		}
	}
	if of.path == "" {
		t.Fatalf("package %s is in no layer: give it a row in docs/design.md", path)
	}
	return of
}

func TestEachPackageImportsOnlyWhatItsLayerMay(t *testing.T) {
	layers := readLayers(t)
	for _, p := range listPackages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		l := layerOf(t, layers, path)
		for _, imported := range p.Imports {
			if reason := l.refuses(layers, imported); reason != "" {
				t.Errorf("%s imports %s: %s", path, imported, reason)
			}
		}
	}
}

// refuses returns why a package of the layer may not import another one, or "".
func (l layer) refuses(layers []layer, imported string) string {
	ours, isOurs := strings.CutPrefix(imported, module+"/")
	if !isOurs {
		return l.refusesOthers(imported)
	}
	if within(ours, l.path) && !slices.ContainsFunc(layers, func(o layer) bool { return o.path != l.path && within(o.path, l.path) && within(ours, o.path) }) {
		return "" // the same row
	}
	if slices.ContainsFunc(l.ours, func(allowed string) bool { return within(ours, allowed) }) {
		return ""
	}
	return "the row of " + l.path + " in docs/design.md does not allow it"
}

func (l layer) refusesOthers(imported string) string {
	if !within(l.path, "clfs") || l.path == "clfs/clfstest" {
		return ""
	}
	if slices.ContainsFunc(never, func(forbidden string) bool { return within(imported, forbidden) }) {
		return "never in the format"
	}
	return ""
}

func TestOnlyLz4ComesToTheFormatFromOutside(t *testing.T) {
	for _, p := range listPackages(t) {
		if !within(p.ImportPath, module+"/clfs") {
			continue
		}
		for _, imported := range p.Imports {
			domain, _, _ := strings.Cut(imported, "/")
			external := strings.Contains(domain, ".")
			if external && !within(imported, "github.com/pierrec/lz4/v4") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// The format takes the time as an argument; a clock inside would make what it
// writes differ from run to run.
func TestFormatReadsNoClock(t *testing.T) {
	for _, p := range listPackages(t) {
		if !within(p.ImportPath, module+"/clfs") {
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"time.Now", "time.Since", "time.Until"} {
				if strings.Contains(string(text), call) {
					t.Errorf("%s/%s uses %s", p.ImportPath, name, call)
				}
			}
		}
	}
}

// A package called sync would hide the standard library's and need an alias
// wherever both are imported.
func TestSyncIsAFolderAndNoPackage(t *testing.T) {
	files, err := filepath.Glob(harness.InModule("sync/*.go"))
	if err != nil || len(files) > 0 {
		t.Errorf("Go files directly in sync/: %v %v", files, err)
	}
	for _, p := range listPackages(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			checkNoSyncAlias(t, filepath.Join(p.Dir, name))
		}
	}
}

func checkNoSyncAlias(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, imported := range file.Imports {
		target, err := strconv.Unquote(imported.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if imported.Name == nil {
			continue
		}
		if target == "sync" || imported.Name.Name == "sync" {
			t.Errorf("%s imports %s as %s", path, target, imported.Name.Name)
		}
	}
}
