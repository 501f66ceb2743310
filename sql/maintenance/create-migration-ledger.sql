-- Makes the ledger of migrations where it is not there yet: which files were applied, and the hash of each.
-- In a schema of its own, so that nothing of the application's names is in its way.
-- role: owner
CREATE SCHEMA IF NOT EXISTS qbench;

CREATE TABLE IF NOT EXISTS qbench.migrations (
  id serial PRIMARY KEY,
  name varchar(255) NOT NULL UNIQUE,
  run_on timestamptz NOT NULL,
  -- node-pg-migrate writes name and run_on; the runner tells the hash by a parameter of the session, so that one INSERT,
  -- in the transaction of the migration, writes all.
  sha256 text NOT NULL DEFAULT pg_catalog.current_setting('qbench.migration_sha256') CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  applied_by name NOT NULL DEFAULT current_user
);

COMMENT ON SCHEMA qbench IS 'What qbench keeps about this database.';

COMMENT ON TABLE qbench.migrations IS 'Ledger of applied migration files; written by qbench migrate only.';
