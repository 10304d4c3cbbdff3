-- Automatic exports of segments and what each of them delivered. A delivery is a stretch of a segment's moves
-- (`audience_move`, by the export's id as listener); its content is decided once, kept, and then carried as it is.

CREATE TABLE deliveries_export (
    workspace_id integer NOT NULL,
    id           uuid NOT NULL,
    segment_id   uuid NOT NULL,
    name         text NOT NULL,
    slug         text NOT NULL, -- the folder its files lie in, at the destination; stays when the name changes
    format       text NOT NULL CHECK (format IN ('csv', 'ndjson', 'parquet')),
    attributes   text[] NOT NULL,
    identifiers  text[] NOT NULL,
    destination  json NOT NULL,
    secret       bytea, -- sealed: the key of a bucket, or what a webhook is signed with
    schedule     text NOT NULL,
    everybody    boolean NOT NULL, -- whether the first delivery is who was in then
    state        text NOT NULL CHECK (state IN ('active', 'paused', 'ended')),
    taken        bigint NOT NULL DEFAULT 0, -- the last move that is in a delivery
    number       bigint NOT NULL DEFAULT 0, -- of the last delivery
    due_at       timestamptz, -- when the next one is cut by the clock
    asked        boolean NOT NULL DEFAULT false, -- somebody wants what there is now
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX deliveries_export_by_id ON deliveries_export (id);
CREATE INDEX deliveries_export_of_segment ON deliveries_export (workspace_id, segment_id);

CREATE TABLE deliveries_delivery (
    export_id    uuid NOT NULL,
    number       bigint NOT NULL,
    id           uuid NOT NULL, -- what the receiver knows it by
    workspace_id integer NOT NULL,
    file_name    text NOT NULL,
    format       text NOT NULL,
    after_move   bigint NOT NULL,
    upto_move    bigint NOT NULL,
    entered      integer NOT NULL DEFAULT 0,
    "left"       integer NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL DEFAULT 0,
    state        text NOT NULL CHECK (state IN ('waiting', 'sent')),
    content      text NOT NULL CHECK (content IN ('wanted', 'kept', 'dropped')),
    revision     integer NOT NULL DEFAULT 1, -- goes up when an erasure has the content decided anew
    attempts     integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz,
    problem      text NOT NULL DEFAULT '', -- the code of why it did not arrive
    detail       text NOT NULL DEFAULT '',
    cut_at       timestamptz NOT NULL,
    sent_at      timestamptz,
    PRIMARY KEY (export_id, number)
);
CREATE INDEX deliveries_delivery_waiting ON deliveries_delivery (export_id, number) WHERE state = 'waiting';
CREATE INDEX deliveries_delivery_of_workspace ON deliveries_delivery (workspace_id) WHERE content <> 'dropped';

CREATE TABLE deliveries_chunk (
    delivery_id uuid NOT NULL,
    number      integer NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
ALTER TABLE deliveries_chunk ALTER COLUMN body SET STORAGE EXTERNAL;

-- How many erasures a workspace had: content that was read before one of them and is written after it is not kept.
CREATE TABLE deliveries_gate (
    workspace_id integer PRIMARY KEY,
    erasures     bigint NOT NULL DEFAULT 0
);
