-- One-use tokens to enrol with, kept as their SHA-256 in hex.
-- `used_for` names the one enrolment that the token went into.
CREATE TABLE join_tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    used_for TEXT
) STRICT, WITHOUT ROWID;
