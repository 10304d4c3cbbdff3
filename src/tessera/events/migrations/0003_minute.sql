-- Events per minute, for the chart of the last hour: a row per workspace and minute, two days of them.
CREATE TABLE events_minute (
    workspace_id integer NOT NULL,
    minute       timestamptz NOT NULL,
    events       bigint NOT NULL,
    PRIMARY KEY (workspace_id, minute)
);
