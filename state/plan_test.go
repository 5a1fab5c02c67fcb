package state

import (
	"strings"
	"testing"

	"clfsload/state/contents"
	"clfsload/state/namespace"
	"clfsload/state/publish"
	"clfsload/state/scan"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// What is asked all the time must not cost more the more nodes there are.
func TestQueuesAreReadFromTheirIndexes(t *testing.T) {
	j := newMount(t)
	for _, c := range []struct{ query, index string }{
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {dirty} AND ino > 1 ORDER BY ino LIMIT 9`, "inode_dirty"},
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {queued} AND ino > 1 ORDER BY ino LIMIT 9`, "inode_queued"},
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {sealed} AND ino > 1 ORDER BY ino LIMIT 9`, "inode_sealed"},
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {removed} AND flags & {orphan} AND ino > 1 ORDER BY ino LIMIT 9`, "inode_removed"},
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {removed} AND ino > 1 AND flags & {orphan} = 0
			AND put_pub NOT BETWEEN 1 AND (SELECT publication FROM ledger) ORDER BY ino LIMIT 9`, "inode_removed"},
		{`SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {held} AND ino > 1 AND NOT put_pub BETWEEN 1 AND 9 ORDER BY ino LIMIT 9`, "inode_held"},
		{strings.Replace(contents.EvictableNodes, "?", "9", 1), "inode_evictable (used"},
		{strings.Replace(contents.EvictableNodes, "?", "9", 1), "inode_evictable_sealed"},
		{strings.Replace(scan.LinkingNodes, "?", "9", 1), "inode_linking"},
		{`SELECT d.cookie, d.name, ` + schema.NodeColumnsOf + ` FROM dirent d JOIN inode i ON i.ino = d.ino
			WHERE d.parent = 1 AND d.cookie > 3 ORDER BY d.cookie LIMIT 9`, "dirent_order"},
		{`SELECT parent, name FROM dirent WHERE shared = 1 AND ino = 9 ORDER BY cookie LIMIT 1`, "dirent_shared"},
		{`SELECT b.idx, ` + schema.NodeColumnsOf + ` FROM block b JOIN inode i ON i.ino = b.ino WHERE b.state = {block queued}
			AND (b.ino, b.idx) > (1, 1) AND i.state = {dirty} ORDER BY b.ino, b.idx LIMIT 9`, "block_queued"},
		{`SELECT ino, idx FROM block WHERE state = {block uploaded} AND idx > 0 ORDER BY ino, idx LIMIT 9`, "block_uploaded"},
		{`SELECT 1 FROM tombstone t WHERE t.ino = 9`, "tombstone_ino"},
		{strings.NewReplacer("?1", "9", "?2", "2", "?3", "3", "?4", "4").Replace(namespace.SucceedTombstones), "tombstone_ino"},
		{strings.NewReplacer("?1", "9", "?2", "2", "?3", "3", "?4", "4").Replace(namespace.SucceedTombstones), "tombstone_successor"},
		{`UPDATE inode SET put_pub = 0 WHERE state = {removed} AND type = {directory} AND put_pub > 9`, "inode_removed"},
		{strings.NewReplacer("?1", "2", "?2", "1", "?3", "9", "?4", "'a'", "?5", "9", "?6", "9").Replace(publish.TombstonesQuery),
			"SEARCH t USING PRIMARY KEY (dir=? AND (name,ino)>(?,?))"},
	} {
		if plan := planOf(t, j, c.query); !strings.Contains(plan, c.index) || strings.Contains(plan, "TEMP B-TREE") && c.index != "dirent_shared" {
			t.Errorf("%.60s…: %s, want %s", c.query, plan, c.index)
		}
	}
}

func planOf(t *testing.T, j *Journal, query string) string {
	t.Helper()
	plan, err := store.QueryAll(t.Context(), j.Read, func(row schema.Scanner) (detail string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &detail)
		return detail, err
	}, `EXPLAIN QUERY PLAN `+query)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}
