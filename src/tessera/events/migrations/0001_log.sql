-- The inbox, the history and what keeps their order. Written by hand: these tables are partitioned, copied into and
-- read by position, which the ORM does not speak. docs/scaling.md says which column each would be distributed by.

CREATE TABLE events_lane (
    lane     smallint PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO events_lane (lane) SELECT generate_series(0, 63);

CREATE TABLE events_inbox (
    lane         smallint NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id integer NOT NULL,
    source_id    integer NOT NULL,
    received_at  timestamptz NOT NULL,
    message_key  uuid NOT NULL,
    envelope     bytea NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (lane, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE events_seen (
    message_key uuid PRIMARY KEY,
    seen_at     timestamptz NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.5);
CREATE INDEX events_seen_by_age ON events_seen USING brin (seen_at);

CREATE TABLE events_history (
    lane         smallint NOT NULL,
    position     bigint NOT NULL,
    recorded_at  timestamptz NOT NULL,
    event_id     uuid NOT NULL,
    workspace_id integer NOT NULL,
    source_id    integer,
    profile_id   uuid NOT NULL,
    kind         text NOT NULL,
    name         text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    envelope     json NOT NULL,
    body         json NOT NULL,
    PRIMARY KEY (lane, position, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX events_history_of_profile ON events_history (profile_id, occurred_at, lane, position);
CREATE INDEX events_history_of_source ON events_history (source_id, recorded_at);

CREATE TABLE events_cursor (
    follower text NOT NULL,
    lane     smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, follower)
);

CREATE TABLE events_rejection (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id integer NOT NULL,
    source_id    integer NOT NULL,
    at           timestamptz NOT NULL,
    stage        text NOT NULL,
    code         text NOT NULL,
    detail       text NOT NULL,
    excerpt      text NOT NULL
);
CREATE INDEX events_rejection_of_source ON events_rejection (source_id, at);

CREATE TABLE events_tally (
    lane  smallint NOT NULL,
    id    bigint GENERATED ALWAYS AS IDENTITY,
    tally json NOT NULL,
    PRIMARY KEY (lane, id)
);

CREATE TABLE events_catalogue (
    workspace_id integer NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('event', 'property', 'attribute')),
    parent       text NOT NULL,
    name         text NOT NULL,
    type         text NOT NULL,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    volume       bigint NOT NULL DEFAULT 0,
    misfits      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, kind, parent, name)
);

-- Rows that intake could not act on, kept whole for a person to look at.
CREATE TABLE events_quarantine (
    lane         smallint NOT NULL,
    seq          bigint NOT NULL,
    workspace_id integer NOT NULL,
    source_id    integer NOT NULL,
    received_at  timestamptz NOT NULL,
    message_key  uuid NOT NULL,
    envelope     bytea NOT NULL,
    body         bytea NOT NULL,
    error        text NOT NULL,
    PRIMARY KEY (lane, seq)
);
