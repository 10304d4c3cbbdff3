-- What we know: one state per profile (the fold of the events attributed to it) and the words people search by.

CREATE TABLE profiles_state (
    profile_id   uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    version      bigint NOT NULL, -- counts the writes: a batch that read an older one tries again
    state        json NOT NULL,
    updated_at   timestamptz NOT NULL
) WITH (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE profiles_search (
    workspace_id integer NOT NULL,
    token        text COLLATE "C" NOT NULL,
    profile_id   uuid NOT NULL,
    PRIMARY KEY (workspace_id, token, profile_id)
);
