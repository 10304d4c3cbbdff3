-- Who asked to be kept out. Only a keyed hash is held: the list cannot be read back into contacts, and without the
-- installation's secret nobody can try contacts against it.

CREATE TABLE identity_suppression (
    workspace_id integer NOT NULL,
    digest       bytea NOT NULL,
    kind         text NOT NULL,
    added_at     timestamptz NOT NULL,
    added_by     text NOT NULL,
    PRIMARY KEY (workspace_id, digest)
);

-- Merges and refusals on other people that name somebody: asked for when that person is erased.
CREATE INDEX identity_refusal_of_other ON identity_refusal (other_id);
CREATE INDEX identity_refusal_of_dropped ON identity_refusal (workspace_id, dropped_value);
