-- The catalogue learns what staff decide about a name, what its values look like, and what went wrong with them.

-- {"text": 3} and {"text": 1, "number": 2} make {"text": 4, "number": 2}; keys before `earliest` are left out.
CREATE FUNCTION events_add_counts(a jsonb, b jsonb, earliest text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, total), '{}')
      FROM (SELECT key, sum(value::bigint) AS total
              FROM (SELECT * FROM jsonb_each_text(a) UNION ALL SELECT * FROM jsonb_each_text(b)) AS one (key, value)
             WHERE key >= earliest COLLATE "C" GROUP BY key) AS added
$$;

CREATE FUNCTION events_join_sources(a integer[], b integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN a @> b THEN a
                ELSE array(SELECT DISTINCT source FROM unnest(a || b) AS one (source) ORDER BY source LIMIT 100) END
$$;

ALTER TABLE events_catalogue
    ALTER COLUMN first_seen DROP NOT NULL,
    ALTER COLUMN last_seen DROP NOT NULL,
    ADD COLUMN types         jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN days          jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN sources       integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN example       text NOT NULL DEFAULT '',
    ADD COLUMN dropped       bigint NOT NULL DEFAULT 0,
    ADD COLUMN status        text NOT NULL DEFAULT 'seen'
        CHECK (status IN ('seen', 'declared', 'blocked', 'hidden')),
    ADD COLUMN declared_type text NOT NULL DEFAULT ''
        CHECK (declared_type IN ('', 'text', 'number', 'boolean', 'date', 'list', 'object')),
    ADD COLUMN allowed       jsonb,
    ADD COLUMN personal      boolean NOT NULL DEFAULT false,
    ADD COLUMN personal_set  boolean NOT NULL DEFAULT false,
    ADD COLUMN description   text NOT NULL DEFAULT '';
ALTER TABLE events_catalogue SET (fillfactor = 70);

-- What intake reads every few seconds: only the names with rules.
CREATE INDEX events_catalogue_ruled ON events_catalogue (workspace_id)
    WHERE status = 'blocked' OR declared_type <> '';

-- Values that did not fit and names beyond the limits. Bounded like the catalogue: a row per name, code and source.
CREATE TABLE events_problem (
    workspace_id    integer NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('event', 'property', 'attribute')),
    parent          text NOT NULL,
    name            text NOT NULL,
    code            text NOT NULL,
    source_id       integer NOT NULL,
    count           bigint NOT NULL,
    first_seen      timestamptz NOT NULL,
    last_seen       timestamptz NOT NULL,
    examples        jsonb NOT NULL DEFAULT '[]',
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, kind, parent, name, code, source_id)
) WITH (fillfactor = 70);

-- What is known by name already: standard attributes that tell who somebody is.
UPDATE events_catalogue SET personal = true
 WHERE kind = 'attribute' AND name IN ('email', 'phone', 'name', 'first_name', 'last_name', 'dob', 'address', 'avatar',
                                       'username', 'website', 'current_location');
