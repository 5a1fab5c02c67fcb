package schema

import "clfsload/state/journal"

// SchemaVersion is sqlite's user_version of the schema below. A journal of any
// other version is refused.
const SchemaVersion = 8

// ApplicationID marks the database as a clfsload journal ("CLFS").
const ApplicationID = 0x434c4653

var Format = journal.Format{Application: ApplicationID, Version: SchemaVersion}

// The partial indexes are the work queues: a row is in the one of its state, so
// that finding the next work costs the same at 10^3 and at 10^9 entries.
const Tables = `
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One row. Counts are kept here because counting 10^9 rows takes minutes.
CREATE TABLE ledger (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    next_ino      INTEGER NOT NULL,  -- the next handle sequence number
    last_dirmgr   INTEGER NOT NULL,  -- the directory-manager id given last
    phase         INTEGER NOT NULL,
    found_entries INTEGER NOT NULL,  -- names listed, the root included
    found_inodes  INTEGER NOT NULL,  -- objects they stand for
    found_bytes   INTEGER NOT NULL,  -- of regular files
    failures      INTEGER NOT NULL,
    -- See namespaceLedger.
    seq             INTEGER NOT NULL DEFAULT 3, -- number of the last change
    publication     INTEGER NOT NULL DEFAULT 0, -- number of the last publication begun
    reached         INTEGER NOT NULL DEFAULT 0, -- of the last one whose new directories are all put
    completed       INTEGER NOT NULL DEFAULT 0, -- of the last one that is complete
    published_seq   INTEGER NOT NULL DEFAULT 0,
    published_nodes INTEGER NOT NULL DEFAULT 0,
    published_at    INTEGER NOT NULL DEFAULT 0,
    directories     INTEGER NOT NULL DEFAULT 0,
    held            INTEGER NOT NULL DEFAULT 0,
    dirty_nodes     INTEGER NOT NULL DEFAULT 0,
    dirty_bytes     INTEGER NOT NULL DEFAULT 0,
    queued_nodes    INTEGER NOT NULL DEFAULT 0,
    queued_bytes    INTEGER NOT NULL DEFAULT 0,
    sealed_nodes    INTEGER NOT NULL DEFAULT 0,
    sealed_bytes    INTEGER NOT NULL DEFAULT 0,
    uploaded_nodes  INTEGER NOT NULL DEFAULT 0,
    uploaded_bytes  INTEGER NOT NULL DEFAULT 0,
    adopted_nodes   INTEGER NOT NULL DEFAULT 0,
    linking_nodes   INTEGER NOT NULL DEFAULT 0,
    linking_bytes   INTEGER NOT NULL DEFAULT 0,
    failed_nodes    INTEGER NOT NULL DEFAULT 0,
    failed_bytes    INTEGER NOT NULL DEFAULT 0,
    batch           INTEGER NOT NULL DEFAULT 0  -- of the redo log that goes on from here
);

-- One row; see Mark.
CREATE TABLE mark (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    publication INTEGER NOT NULL,
    newest      TEXT NOT NULL,
    before      TEXT NOT NULL
);

CREATE TABLE inode (
    ino     INTEGER PRIMARY KEY,     -- sequence number of the handle; 1 is the root
    parent  INTEGER NOT NULL,        -- the directory of its first name
    name    BLOB    NOT NULL,        -- its first name
    handle  BLOB    NOT NULL,
    state   INTEGER NOT NULL,
    type    INTEGER NOT NULL,        -- btype
    mode    INTEGER NOT NULL,
    uid     INTEGER NOT NULL,
    gid     INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    mtime   INTEGER NOT NULL,        -- times: nanoseconds since 1970
    ctime   INTEGER NOT NULL,
    atime   INTEGER NOT NULL,
    fileid  INTEGER NOT NULL,        -- inode number in the source; 0: it comes from none
    rdev    INTEGER NOT NULL,
    links   INTEGER NOT NULL,        -- names known so far; of a directory 2 and those of directories in it
    target  BLOB,                    -- of a symbolic link
    -- See Node.
    flags   INTEGER NOT NULL DEFAULT 0,
    seq     INTEGER NOT NULL DEFAULT 0,
    cseq    INTEGER NOT NULL DEFAULT 0,
    gen     INTEGER NOT NULL DEFAULT 0,
    next    INTEGER NOT NULL DEFAULT 0,
    sealed  INTEGER NOT NULL DEFAULT 0,
    peak    INTEGER NOT NULL DEFAULT 0,
    mapped  INTEGER NOT NULL DEFAULT 0,
    version     INTEGER NOT NULL DEFAULT 9,
    put_version INTEGER NOT NULL DEFAULT 0,
    put_owner   INTEGER NOT NULL DEFAULT 0,
    put_pub     INTEGER NOT NULL DEFAULT 0,
    put_gen     INTEGER NOT NULL DEFAULT 0,
    image_gen   INTEGER NOT NULL DEFAULT 0,
    used        INTEGER NOT NULL DEFAULT 0 -- when it was last used, of a regular file in staging; 0: not there
);
CREATE INDEX inode_linking ON inode (ino) WHERE state = {linking};
CREATE INDEX inode_queued ON inode (ino) WHERE state = {queued};
CREATE INDEX inode_held ON inode (ino) WHERE state = {held};
CREATE INDEX inode_dirty ON inode (ino) WHERE state = {dirty};
CREATE INDEX inode_sealed ON inode (ino) WHERE state = {sealed};
CREATE INDEX inode_removed ON inode (ino) WHERE state = {removed};
CREATE INDEX inode_evictable ON inode (used, ino) WHERE used > 0 AND state = {done};
CREATE INDEX inode_evictable_sealed ON inode (used, ino) WHERE used > 0 AND state = {sealed};

CREATE TABLE dirent (
    parent INTEGER NOT NULL,
    name   BLOB    NOT NULL,
    ino    INTEGER NOT NULL,
    shared INTEGER,                  -- 1: one of several links
    cookie INTEGER,                  -- place in the listing of a mounted directory
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE INDEX dirent_shared ON dirent (ino) WHERE shared = 1;
CREATE INDEX dirent_order ON dirent (parent, cookie) WHERE cookie IS NOT NULL;

-- Blocks of a file that differ from what its inode row says; see Block.
CREATE TABLE block (
    ino   INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    gen   INTEGER NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (ino, idx)
) WITHOUT ROWID;
CREATE INDEX block_queued ON block (ino, idx) WHERE state = {block queued};
CREATE INDEX block_uploaded ON block (ino, idx) WHERE state = {block uploaded} AND idx > 0;

-- Inodes that wait for a publication: their payload without what it puts in.
CREATE TABLE image (
    ino  INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);

-- Entries that the container may list in directories which do not have them; see Tombstone.
CREATE TABLE tombstone (
    dir  INTEGER NOT NULL,
    name BLOB    NOT NULL,
    ino  INTEGER NOT NULL,
    successor INTEGER NOT NULL,      -- the file that took its place; 0: none
    seq  INTEGER NOT NULL,
    PRIMARY KEY (dir, name, ino)
) WITHOUT ROWID;
CREATE INDEX tombstone_ino ON tombstone (ino);
CREATE INDEX tombstone_successor ON tombstone (successor) WHERE successor > 0;

-- Blobs that nothing needs once the inode has been put with put_gen >= after.
CREATE TABLE garbage (
    id    INTEGER PRIMARY KEY,
    ino   INTEGER NOT NULL,
    after INTEGER NOT NULL,
    name  TEXT    NOT NULL
);
CREATE INDEX garbage_ino ON garbage (ino);

-- Of a container that was adopted: links from directories whose entries were not read yet.
CREATE TABLE backlink (
    ino   INTEGER NOT NULL,
    dir   BLOB    NOT NULL,          -- handle
    count INTEGER NOT NULL,
    PRIMARY KEY (ino, dir)
) WITHOUT ROWID;
CREATE INDEX backlink_dir ON backlink (dir);

-- Likewise: inodes whose number is not that of their handle.
CREATE TABLE odd_id (
    id  BLOB PRIMARY KEY,            -- handle
    ino INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX odd_id_ino ON odd_id (ino);

-- Likewise: directories whose entries were read from the container.
CREATE TABLE listing (
    dir INTEGER PRIMARY KEY
);

CREATE TABLE upload_failure (
    ino    INTEGER PRIMARY KEY,
    reason TEXT    NOT NULL,
    at     INTEGER NOT NULL
);

-- Directories whose entries in the source are not all known.
CREATE TABLE unscanned (
    dir INTEGER PRIMARY KEY
);

-- Entries of the namespace that the source of a load does not have: they are to be removed.
CREATE TABLE extra (
    dir  INTEGER NOT NULL,
    name BLOB    NOT NULL,
    PRIMARY KEY (dir, name)
) WITHOUT ROWID;

-- Where the next link to an inode of the source goes.
CREATE TABLE source_link (
    fileid INTEGER NOT NULL,
    dev    INTEGER NOT NULL,
    type   INTEGER NOT NULL,
    ino    INTEGER NOT NULL,
    expect INTEGER NOT NULL,         -- names that the source says there are
    PRIMARY KEY (fileid, dev, type)
) WITHOUT ROWID;

CREATE TABLE failure (
    parent INTEGER NOT NULL,
    name   BLOB    NOT NULL,
    ino    INTEGER,                  -- NULL: the entry has no inode row
    op     TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    gone   INTEGER NOT NULL,         -- 1: what was listed is not there any more
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE INDEX failure_ino ON failure (ino) WHERE ino IS NOT NULL;
`
