package schema

import (
	"fmt"
	"strings"

	"clfsload/clfs"
)

// sqlNames are the names that queries have for numbers: a state is {dirty}, not 5. They become
// literals, because a partial index serves no query with a parameter in its place.
var sqlNames = func() *strings.Replacer {
	var pairs []string
	add := func(name string, number any) { pairs = append(pairs, "{"+name+"}", fmt.Sprintf("%d", number)) }
	for name, s := range map[string]State{"linking": Linking, "queued": Queued, "held": Held, "done": Done, "failed": Failed,
		"dirty": Dirty, "sealed": Sealed, "removed": Removed, "remote": Remote} {
		add(name, s)
	}
	for name, s := range map[string]BlockState{"block dirty": BlockDirty, "block queued": BlockQueued,
		"block uploaded": BlockUploaded, "block remote": BlockRemote} {
		add(name, s)
	}
	for name, f := range map[string]Flags{"incomplete": Incomplete, "orphan": Orphan, "adopted": Adopted, "base map": BaseMap} {
		add(name, f)
	}
	add("directory", clfs.TypeDirectory)
	add("regular", clfs.TypeRegular)
	return strings.NewReplacer(pairs...)
}()

// SQL puts the numbers in place of the names in a query or a schema.
func SQL(sql string) string { return sqlNames.Replace(sql) }
