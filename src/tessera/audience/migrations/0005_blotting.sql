-- What erasures ask of the archive: to blot somebody out of these people's rows that PostgreSQL has no more. A row is
-- here, with the values that name who was erased, until the analyst has done it.
CREATE TABLE audience_blotting (
    id             uuid PRIMARY KEY,
    workspace_id   integer NOT NULL,
    profile_ids    uuid[] NOT NULL,
    named_by       text[] NOT NULL,
    between_people text[] NOT NULL,           -- events of these names lose all that was said of the two
    asked_at       timestamptz NOT NULL DEFAULT now()
);
