-- Pairs of people who are probably one, what is said about each, and the searches that found them.

CREATE TABLE duplicates_pair (
    left_id      uuid NOT NULL,
    right_id     uuid NOT NULL,
    workspace_id integer NOT NULL,
    pair_id      uuid NOT NULL,
    run_id       uuid NOT NULL,
    probability  double precision NOT NULL,
    bits         double precision NOT NULL, -- the sum of the weights and the start: what the queue is ordered by
    start        double precision NOT NULL,
    weights      json NOT NULL,             -- field, level and bits; never a value of a person
    left_print   bytea NOT NULL,            -- stands for what was compared: a decision holds until it changes
    right_print  bytea NOT NULL,
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'merged', 'rejected', 'stale')),
    found_at     timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text,
    merge_id     uuid,
    PRIMARY KEY (left_id, right_id),
    CHECK (left_id < right_id)
);
CREATE INDEX duplicates_pair_queue ON duplicates_pair (workspace_id, state, bits DESC, pair_id DESC);
CREATE INDEX duplicates_pair_by_id ON duplicates_pair (pair_id);
CREATE INDEX duplicates_pair_of_right ON duplicates_pair (right_id);

CREATE TABLE duplicates_run (
    workspace_id integer NOT NULL,
    run_id       uuid NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    asked_by     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz,
    people       bigint NOT NULL DEFAULT 0,
    compared     bigint NOT NULL DEFAULT 0,
    proposed     bigint NOT NULL DEFAULT 0,
    apart        bigint NOT NULL DEFAULT 0,
    remembered   bigint NOT NULL DEFAULT 0,
    crowds       json NOT NULL DEFAULT '[]',
    learned      boolean NOT NULL DEFAULT false,
    error        text,
    PRIMARY KEY (workspace_id, run_id)
);
CREATE UNIQUE INDEX duplicates_run_under_way ON duplicates_run (workspace_id) WHERE state IN ('waiting', 'running');
CREATE INDEX duplicates_run_newest ON duplicates_run (workspace_id, asked_at DESC);
