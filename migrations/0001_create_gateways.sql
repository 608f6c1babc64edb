-- Gateways that enrolled. Times are Unix milliseconds by the registry's clock.
-- A credential is kept as its SHA-256 in hex and never in clear.
--
-- Every written row costs, and one more for every index that an UPDATE touches:
-- nothing that a heartbeat changes is indexed.
CREATE TABLE gateways (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    credential_hash TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    enrolled_by TEXT NOT NULL,
    last_seen_at INTEGER,
    transition_at INTEGER,
    heartbeat TEXT,
    deleted_at INTEGER
) STRICT;

-- A name is taken while its gateway is not forgotten. Lists are read in this order.
CREATE UNIQUE INDEX gateways_live_name ON gateways (name) WHERE deleted_at IS NULL;

-- A heartbeat is recognised by its credential.
CREATE UNIQUE INDEX gateways_live_credential ON gateways (credential_hash) WHERE deleted_at IS NULL;
