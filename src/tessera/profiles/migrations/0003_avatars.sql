-- Pictures of people, re-encoded by us (profiles/pictures.py). A profile has at most one; distributed by profile_id.

CREATE TABLE profiles_avatar (
    profile_id   uuid PRIMARY KEY,
    workspace_id integer NOT NULL,
    digest       text NOT NULL, -- of the large one; changes with the picture
    large        bytea NOT NULL, -- WebP, 256 pixels square
    small        bytea NOT NULL, -- WebP, 64 pixels square
    changed_at   timestamptz NOT NULL
);
