-- Files of people on their way in. All of an import's tables go by import_id: whatever one import does is in one place.

CREATE TABLE imports_import (
    id           uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    name         text NOT NULL,
    actor        text NOT NULL,
    state        text NOT NULL,
    wanted       text NOT NULL DEFAULT '', -- what someone asked a running import to do: pause, cancel
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,              -- the time of its events, too: a resumed import keeps it
    finished_at  timestamptz,
    begun_at     timestamptz,              -- when this run of it began, and after which row
    begun_row    bigint NOT NULL DEFAULT 0,
    seen_at      timestamptz,              -- when whoever runs it last committed
    size         bigint NOT NULL DEFAULT 0,
    chunks       integer NOT NULL DEFAULT 0,
    kept         boolean NOT NULL DEFAULT true, -- whether the file is still there
    plan         json,
    checked      json,                     -- what the dry run came to
    problem      text NOT NULL DEFAULT '',
    -- The checkpoint: it commits with the rows it speaks of.
    lines        bigint NOT NULL DEFAULT 0,
    row_number   bigint NOT NULL DEFAULT 0,
    step         integer NOT NULL DEFAULT 0,
    bytes_read   bigint NOT NULL DEFAULT 0,
    counts       json NOT NULL DEFAULT '{}',
    undo         json
);
CREATE INDEX imports_import_of_workspace ON imports_import (workspace_id, id);

CREATE TABLE imports_chunk (
    import_id uuid NOT NULL,
    number    integer NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (import_id, number)
);
ALTER TABLE imports_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Where in history the rows of one step are, so that an undo finds them without searching.
CREATE TABLE imports_step (
    import_id      uuid NOT NULL,
    step           integer NOT NULL,
    lane           smallint NOT NULL,
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL,
    PRIMARY KEY (import_id, step)
);

CREATE TABLE imports_error (
    import_id  uuid NOT NULL,
    row_number bigint NOT NULL,
    number     integer NOT NULL, -- several things may be wrong with a row
    dry        boolean NOT NULL,
    severity   text NOT NULL,
    field      text NOT NULL,
    value      text NOT NULL,
    code       text NOT NULL,
    detail     text NOT NULL,
    raw        text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (import_id, dry, row_number, number)
);
CREATE INDEX imports_error_by_age ON imports_error USING brin (at);
