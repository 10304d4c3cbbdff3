-- Who is who. A profile's id never changes; root_id says which profile stands for the person.

CREATE TABLE identity_profile (
    id           uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    root_id      uuid NOT NULL,
    version      bigint NOT NULL DEFAULT 0,
    xxh          bytea NOT NULL,
    created_at   timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX identity_profile_of_root ON identity_profile (root_id);
CREATE INDEX identity_profile_people ON identity_profile (workspace_id, id) WHERE id = root_id;
CREATE INDEX identity_profile_by_md5 ON identity_profile (md5(id::text));
CREATE INDEX identity_profile_by_xxh ON identity_profile (xxh);

CREATE TABLE identity_identifier (
    workspace_id integer NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    profile_id   uuid NOT NULL,
    first_seen   timestamptz NOT NULL,
    verified     boolean NOT NULL DEFAULT false,
    event_id     uuid NOT NULL,
    PRIMARY KEY (workspace_id, value, kind)
);
CREATE INDEX identity_identifier_of_profile ON identity_identifier (profile_id);

CREATE TABLE identity_merge (
    kept_id        uuid NOT NULL,
    merge_id       uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY, -- the order in which merges were made, for replaying them
    workspace_id   integer NOT NULL,
    absorbed_id    uuid NOT NULL,
    kept_link      uuid NOT NULL,
    absorbed_link  uuid NOT NULL,
    reason         text NOT NULL,
    evidence       json NOT NULL,
    at             timestamptz NOT NULL,
    undone_at      timestamptz,
    undone_by      text,
    PRIMARY KEY (kept_id, merge_id)
);
CREATE INDEX identity_merge_by_id ON identity_merge (merge_id);
CREATE INDEX identity_merge_of_absorbed ON identity_merge (absorbed_id);

CREATE TABLE identity_refusal (
    profile_id    uuid NOT NULL,
    rule          text NOT NULL,
    dropped_kind  text NOT NULL,
    dropped_value text NOT NULL,
    workspace_id  integer NOT NULL,
    other_id      uuid,
    times         bigint NOT NULL DEFAULT 1,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL,
    evidence      json NOT NULL,
    PRIMARY KEY (profile_id, rule, dropped_kind, dropped_value)
);

CREATE TABLE identity_blocked_value (
    workspace_id integer NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, kind, value)
);
