-- Erasures: what was asked, by whom, and what came of it. They hold no personal data: people are named by the ids of
-- profiles that are gone; what a caller named them by is kept only while it waits.

CREATE TABLE privacy_erasure (
    workspace_id integer NOT NULL,
    id           uuid NOT NULL,
    asked_at     timestamptz NOT NULL,
    asked_by     text NOT NULL,
    reason       text NOT NULL,
    suppress     boolean NOT NULL,
    status       text NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed')),
    total        integer NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE privacy_erased (
    erasure_id  uuid NOT NULL,
    number      integer NOT NULL, -- the place in the request, from 1
    reference   text, -- what the caller named the person by; null once it was acted on
    status      text NOT NULL CHECK (status IN ('waiting', 'done', 'failed')),
    code        text NOT NULL DEFAULT '', -- why it failed
    profile_ids uuid[] NOT NULL DEFAULT '{}',
    counts      json NOT NULL DEFAULT '{}',
    suppressed  integer NOT NULL DEFAULT 0,
    erased_at   timestamptz,
    PRIMARY KEY (erasure_id, number)
);

-- Erasures take turns: one locks this row before anything else.
CREATE TABLE privacy_turn (id smallint PRIMARY KEY);
INSERT INTO privacy_turn (id) VALUES (1);
