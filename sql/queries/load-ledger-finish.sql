-- The load of this file is complete. $1: SHA-256 of the source.
-- parameters: $1 text
-- writes
UPDATE qbench.load_ledger SET finished_at = pg_catalog.now() WHERE source_sha256 = $1;
