-- Reports that somebody keeps: what is asked, never what was answered.

CREATE TABLE audience_report (
    workspace_id integer NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    request      json NOT NULL,               -- in the JSON form of insight/registry.py
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX audience_report_name ON audience_report (workspace_id, lower(name));
