-- Segments and who is in them, their sizes over time, and what web processes ask the analyst.

CREATE TABLE audience_segment (
    workspace_id  integer NOT NULL,
    id            uuid NOT NULL,
    name          text NOT NULL,
    description   text NOT NULL DEFAULT '',
    folder        text NOT NULL DEFAULT '',
    tags          text[] NOT NULL DEFAULT '{}',
    kind          text NOT NULL CHECK (kind IN ('dynamic', 'static')),
    condition     json,                       -- of a dynamic one, in the JSON form
    freshness     text NOT NULL CHECK (freshness IN ('asked', 'kept', 'fixed')),
    every_minutes integer,                    -- how often a kept one is evaluated whole; null: once a day, after midnight UTC
    version       integer NOT NULL DEFAULT 1, -- goes up when the condition changes
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL,
    changed_at    timestamptz NOT NULL,
    archived_at   timestamptz,
    size          bigint,
    counted_at    timestamptz,
    refreshed_at  timestamptz,                -- the last whole evaluation of a kept one that is written
    refreshed_version integer NOT NULL DEFAULT 0,
    problem       text NOT NULL DEFAULT '',   -- why it could not be evaluated, the last time it was tried
    PRIMARY KEY (workspace_id, id),
    CHECK ((kind = 'static') = (freshness = 'fixed')),
    CHECK ((kind = 'dynamic') = (condition IS NOT NULL))
);
CREATE INDEX audience_segment_by_id ON audience_segment (id);
CREATE UNIQUE INDEX audience_segment_name ON audience_segment (workspace_id, lower(name)) WHERE archived_at IS NULL;

-- By the profile that stood for the person when they entered: after a merge or a split the row still says who was meant.
CREATE TABLE audience_member (
    segment_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    entered_at timestamptz NOT NULL,
    PRIMARY KEY (segment_id, profile_id)
);
CREATE INDEX audience_member_of_profile ON audience_member (profile_id);

CREATE TABLE audience_size (
    segment_id uuid NOT NULL,
    hour       timestamptz NOT NULL,
    size       bigint NOT NULL,
    PRIMARY KEY (segment_id, hour)
);

-- Questions of web processes. What is lost in a crash was asked by somebody who waits, and who asks again.
CREATE UNLOGGED TABLE audience_question (
    id           uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    question     json NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    taken_at     timestamptz,
    answer       json,
    code         text,                        -- of what went wrong
    problem      text,
    answered_at  timestamptz
);
CREATE INDEX audience_question_open ON audience_question (asked_at) WHERE taken_at IS NULL;

-- How far the analyst is: one row for each analyst that was ever started.
CREATE TABLE audience_analyst (
    id       uuid PRIMARY KEY,
    engine   text NOT NULL,
    leads    boolean NOT NULL,
    behind   bigint NOT NULL,                 -- rows of history that are not in the warehouse
    lag_ms   bigint NOT NULL,                 -- how old the oldest of them is
    seen_at  timestamptz NOT NULL
);
