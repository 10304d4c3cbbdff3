-- How far history is kept in the archive of the warehouse, too, by lane. What is beyond is not dropped by retention.
CREATE TABLE events_archived (
    lane     smallint PRIMARY KEY,
    position bigint NOT NULL
);

-- What retention dropped: the last position of each lane, and the newest moment at which anything of it happened.
CREATE TABLE events_dropped (
    lane     smallint PRIMARY KEY,
    position bigint NOT NULL,
    newest   timestamptz NOT NULL
);
