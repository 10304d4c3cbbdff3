-- Person to person. A row is the last word about (who said it, type, the other); the other end is kept as it was named,
-- and resolved when it is read: it survives merges and splits and may be somebody not seen yet.

CREATE TABLE profiles_relation (
    profile_id   uuid NOT NULL,
    type         text COLLATE "C" NOT NULL,
    other_kind   text COLLATE "C" NOT NULL, -- profile_id or the kind of an identifier
    other_value  text COLLATE "C" NOT NULL,
    workspace_id integer NOT NULL,
    properties   json NOT NULL,
    removed      boolean NOT NULL,
    at           timestamptz NOT NULL,
    tie          bigint NOT NULL,
    PRIMARY KEY (profile_id, type, other_kind, other_value)
);
CREATE INDEX profiles_relation_of_other ON profiles_relation (workspace_id, other_value, other_kind);

CREATE TABLE profiles_relation_type (
    workspace_id integer NOT NULL,
    name         text COLLATE "C" NOT NULL,
    label        text NOT NULL,
    inverse      text NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
