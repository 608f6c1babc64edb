-- Who did what. Rows are only ever added.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    gateway_id TEXT,
    detail TEXT NOT NULL
) STRICT;
