-- What was asked for, how far it is, and the finished file in pieces. A file is offered only when its export is done:
-- each try has a number of its own, and pieces of an earlier try are never part of a later one.

CREATE TABLE exports_export (
    id           uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    what         text NOT NULL CHECK (what IN ('people', 'history')),
    wanted       json NOT NULL, -- may name people: erasing one takes them out
    state        text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'dropped')),
    reason       text NOT NULL DEFAULT '', -- the code of why it failed or was dropped
    actor        text NOT NULL,
    attempt      integer NOT NULL DEFAULT 0,
    looked_at    bigint NOT NULL DEFAULT 0, -- of `total`, which counts the people or the rows of history to look at
    total        bigint NOT NULL DEFAULT 0,
    rows         bigint NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,
    alive_at     timestamptz,
    pictured_at  timestamptz, -- the moment whose picture the file is
    finished_at  timestamptz
);
CREATE INDEX exports_export_of_workspace ON exports_export (workspace_id, id);

CREATE TABLE exports_chunk (
    export_id uuid NOT NULL,
    attempt   integer NOT NULL,
    number    integer NOT NULL,
    body      bytea NOT NULL,
    PRIMARY KEY (export_id, attempt, number)
);
ALTER TABLE exports_chunk ALTER COLUMN body SET STORAGE EXTERNAL; -- compressed already, or about to be read once

-- An export that begins and an erasure that is under way wait for each other on their workspace's row: no export takes
-- its picture while somebody in it is being erased.
CREATE TABLE exports_gate (
    workspace_id integer PRIMARY KEY,
    erasures     bigint NOT NULL DEFAULT 0
);
