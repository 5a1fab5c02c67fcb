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
	"slices"
	"strconv"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// A layer says what the packages under one path of the module may import. The
// table is that of docs/design.md.
type layer struct {
	path  string   // the package and all below it
	ours  []string // our packages that it may import, and all below them
	never []string // packages of others, and all below them
}

var layers = []layer{
	{path: "clfs/clfstest", ours: []string{"clfs"}}, // before the layer that it is in: it reads files
	{path: "clfs", never: []string{"os", "net", "database/sql", "crypto/rand", "math/rand", "log", "syscall"}},
	{path: "rescue"},
	{path: "state/journal"},
	{path: "state/schema", ours: []string{"clfs", "state/journal"}},
	{path: "state/store", ours: []string{"clfs", "state/journal", "state/schema"}},
	{path: "state/garbage", ours: []string{"clfs", "state/schema", "state/store"}},
	{path: "state/namespace", ours: []string{"clfs", "state/schema", "state/store", "state/garbage"}},
	{path: "state/contents", ours: []string{"clfs", "state/schema", "state/store", "state/garbage"}},
	{path: "state/adopt", ours: []string{"clfs", "state/schema", "state/store", "state/garbage", "state/namespace"}},
	{path: "state/scan", ours: []string{"clfs", "state/schema", "state/store", "state/garbage", "state/namespace", "state/contents"}},
	{path: "state/upload", ours: []string{"clfs", "state/schema", "state/store", "state/garbage", "state/contents"}},
	{path: "state/publish", ours: []string{"clfs", "state/schema", "state/store", "state/garbage", "state/namespace", "state/contents"}},
	{path: "state/recovery", ours: []string{"clfs", "state/schema", "state/store", "state/namespace", "state/contents"}},
	{path: "state", ours: []string{"clfs"}},
	{path: "sync/blob", ours: []string{"rescue"}},
	{path: "sync/deepdir"},
	{path: "sync/scan", ours: []string{"state", "clfs", "sync/deepdir"}},
	// The packages of the engine, in the order of their imports, before the layer that they are in.
	{path: "sync/engine/memory"},
	{path: "sync/engine/claim", ours: []string{"state"}},
	{path: "sync/engine/record", ours: []string{"state", "sync/blob", "sync/engine/memory", "rescue"}},
	{path: "sync/engine/blobs", ours: []string{"state", "clfs", "sync/blob", "sync/tree", "rescue"}},
	{path: "sync/engine/bucket", ours: []string{"state", "clfs", "sync/blob", "sync/engine/blobs"}},
	{path: "sync/engine/collect", ours: []string{"state", "clfs", "sync/blob", "sync/tree", "sync/engine/claim", "sync/engine/blobs", "rescue"}},
	{path: "sync/engine/publish", ours: []string{"state", "clfs", "sync/blob", "sync/engine/memory", "sync/engine/claim", "sync/engine/record",
		"sync/engine/blobs", "sync/engine/bucket", "sync/engine/collect", "rescue"}},
	{path: "sync/engine", ours: []string{"state", "clfs", "sync/blob", "sync/tree", "rescue"}},
	{path: "sync/tree", ours: []string{"clfs", "sync/blob", "sync/deepdir", "rescue"}},
	{path: "sync/adopt", ours: []string{"state", "clfs", "sync/blob", "sync/tree", "rescue"}},
	{path: "sync/report"},
	{path: "sync/durable", ours: []string{"state"}},
	{path: "sync/random", ours: []string{"state", "clfs"}},
	{path: "sync/progress", ours: []string{"sync/report"}},
	{path: "sync/outcome", ours: []string{"state", "sync/adopt", "sync/blob", "sync/engine", "sync/tree"}},
	{path: "sync/openfiles", ours: []string{"sync/outcome"}},
	{path: "sync/statedir", ours: []string{"sync/outcome"}},
	{path: "sync/site", ours: []string{"state", "sync/blob", "sync/engine", "sync/outcome"}},
	{path: "sync/control", ours: []string{"sync/blob", "sync/openfiles", "sync/outcome"}},
	{path: "sync/target", ours: []string{"clfs", "sync/blob", "sync/durable", "sync/engine", "sync/outcome", "sync/random", "sync/site"}},
	{path: "sync/metrics", ours: []string{"sync/control", "sync/engine", "sync/openfiles", "sync/outcome", "sync/target"}},
	{path: "sync/load", ours: []string{"state", "clfs", "sync"}},
	{path: "fusefs/daemon/wire", ours: []string{"sync/outcome", "sync/progress", "sync/report"}}, // as the next two, before the layer that it is in
	{path: "fusefs/daemon/upload", ours: []string{"state", "sync", "fusefs/staging", "rescue"}},
	{path: "fusefs/daemon/backing", ours: []string{"clfs", "sync", "fusefs/readonly"}},
	{path: "fusefs/daemon", ours: []string{"state", "clfs", "sync", "fusefs", "rescue"}}, // before the layer that it is in
	{path: "fusefs/warm", ours: []string{"sync/deepdir", "sync/progress"}},               // before the layer that it is in
	{path: "fusefs/staging", ours: []string{"state"}},
	{path: "fusefs/writable/inodes", ours: []string{"state"}},
	{path: "fusefs/writable/contents", ours: []string{"state", "clfs", "fusefs/fetch", "fusefs/staging", "fusefs/writable/inodes"}},
	{path: "fusefs", ours: []string{"state", "clfs", "rescue"}},
	{path: "cmd", ours: []string{"state", "clfs", "sync", "fusefs", "rescue"}},
	{path: "tests", ours: []string{"clfs", "sync/blob", "sync/tree/treetest"}},
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

func layerOf(t *testing.T, importPath string) layer {
	t.Helper()
	path := strings.TrimPrefix(importPath, module+"/")
	for _, l := range layers {
		if within(path, l.path) {
			return l
		}
	}
	t.Fatalf("package %s is in no layer: give it a row in the table here and in docs/design.md", importPath)
	return layer{}
}

func TestEachPackageImportsOnlyWhatItsLayerMay(t *testing.T) {
	for _, p := range listPackages(t) {
		l := layerOf(t, p.ImportPath)
		for _, imported := range p.Imports {
			if reason := l.refuses(imported); reason != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, reason)
			}
		}
	}
}

// refuses returns why a package of the layer may not import pkg, or "".
func (l layer) refuses(pkg string) string {
	for _, forbidden := range l.never {
		if within(pkg, forbidden) {
			return "never in this layer"
		}
	}
	ours, isOurs := strings.CutPrefix(pkg, module+"/")
	if !isOurs || within(ours, l.path) {
		return ""
	}
	if slices.ContainsFunc(l.ours, func(allowed string) bool { return within(ours, allowed) }) {
		return ""
	}
	return "not one of " + strings.Join(append([]string{l.path}, l.ours...), ", ")
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
