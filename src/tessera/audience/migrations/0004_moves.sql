-- Who follows a segment from outside, and what they have not yet taken: one row for each member row that came or went.

CREATE TABLE audience_listener (
    id           uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    segment_id   uuid NOT NULL,
    task         text NOT NULL, -- the job that is put into the queue when somebody moves; empty: none
    last         bigint NOT NULL DEFAULT 0, -- the number of the newest move
    starting     bigint NOT NULL DEFAULT 0  -- up to this number: those who were in already when it began to listen
);
CREATE INDEX audience_listener_of_segment ON audience_listener (segment_id);

-- Numbered while the segment's row is held, so in the order in which they commit. An id enters and leaves by turns.
CREATE TABLE audience_move (
    listener_id uuid NOT NULL,
    number      bigint NOT NULL,
    profile_id  uuid NOT NULL,
    entered     boolean NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (listener_id, number)
);
CREATE INDEX audience_move_of_profile ON audience_move (profile_id);
