package state

// schemaVersion is sqlite's user_version of the schema below. A journal of any
// other version is refused.
const schemaVersion = 1

// applicationID marks the database as a clfsload journal ("CLFS").
const applicationID = 0x434c4653

// The partial indexes are the work queues: a row is in the one of its state, so
// that finding the next work costs the same at 10^3 and at 10^9 entries.
const schema = `
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
    done_inodes   INTEGER NOT NULL,
    done_bytes    INTEGER NOT NULL,
    failures      INTEGER NOT NULL
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
    size    INTEGER NOT NULL,        -- no segment past it was ever uploaded
    mtime   INTEGER NOT NULL,        -- times: nanoseconds since 1970
    ctime   INTEGER NOT NULL,
    atime   INTEGER NOT NULL,
    dev     INTEGER NOT NULL,        -- of the source
    fileid  INTEGER NOT NULL,        -- inode number in the source
    rdev    INTEGER NOT NULL,
    links   INTEGER NOT NULL,        -- names found so far
    expect  INTEGER NOT NULL,        -- names that the source says there are
    depth   INTEGER,                 -- of a directory; 0 is the root
    target  BLOB                     -- of a symbolic link
);
CREATE INDEX inode_unscanned ON inode (ino) WHERE state = 0;
CREATE INDEX inode_queued ON inode (ino) WHERE state = 1;
CREATE INDEX inode_held ON inode (depth, ino) WHERE state = 2;

CREATE TABLE dirent (
    parent INTEGER NOT NULL,
    name   BLOB    NOT NULL,
    ino    INTEGER NOT NULL,
    shared INTEGER,                  -- 1: one of several links
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE INDEX dirent_shared ON dirent (ino) WHERE shared = 1;

-- Where the next link to a source inode goes.
CREATE TABLE hardlink (
    dev    INTEGER NOT NULL,
    fileid INTEGER NOT NULL,
    type   INTEGER NOT NULL,
    ino    INTEGER NOT NULL,
    PRIMARY KEY (dev, fileid, type)
) WITHOUT ROWID;

-- How far a file of several segments has come.
CREATE TABLE progress (
    ino      INTEGER PRIMARY KEY,
    segments INTEGER NOT NULL,       -- all before this one are in the container
    size     INTEGER NOT NULL,       -- of the file that they were read from
    mtime    INTEGER NOT NULL,
    ctime    INTEGER NOT NULL
);

CREATE TABLE failure (
    parent INTEGER NOT NULL,
    name   BLOB    NOT NULL,
    ino    INTEGER,                  -- NULL: the entry has no inode row
    op     TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    gone   INTEGER NOT NULL,         -- 1: what was listed is not there any more
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
`
