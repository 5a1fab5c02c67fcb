package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// codesInCode returns what sync/outcome/outcome.go says of each exit code.
func codesInCode(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), harness.InModule("sync/outcome/outcome.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok && value.Kind == token.INT {
			codes[value.Value] = strings.TrimSpace(spec.Comment.Text())
		}
		return true
	})
	return codes
}

var codeRow = regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+?) \|`)

// codesInDocs returns the rows of the table in docs/exit-codes.md.
func codesInDocs(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(harness.InModule("docs/exit-codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	for _, row := range codeRow.FindAllStringSubmatch(string(text), -1) {
		codes[row[1]] = row[2]
	}
	return codes
}

func TestExitCodesAreDocumentedAsTheCodeHasThem(t *testing.T) {
	code, docs := codesInCode(t), codesInDocs(t)
	if len(code) < 10 {
		t.Fatalf("found %d exit codes only", len(code))
	}
	if !maps.Equal(code, docs) {
		t.Errorf("sync/outcome/outcome.go: %q\ndocs/exit-codes.md:   %q", code, docs)
	}
}
