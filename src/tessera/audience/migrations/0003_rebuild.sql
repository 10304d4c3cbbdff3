-- Rebuilds of the warehouse: asked for by whoever, done by the analyst.
CREATE TABLE audience_rebuild (
    id          uuid PRIMARY KEY,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    done        bigint NOT NULL DEFAULT 0,
    total       bigint NOT NULL DEFAULT 0,
    finished_at timestamptz
);
CREATE UNIQUE INDEX audience_rebuild_open ON audience_rebuild ((finished_at IS NULL)) WHERE finished_at IS NULL;
