-- What `qbench load` has committed, so that a load that was killed goes on behind its last committed batch.
-- A row is changed in the transaction of the batch that it counts. Clearing it costs a load its place, never data.

CREATE SCHEMA IF NOT EXISTS qbench;

CREATE TABLE qbench.load_ledger (
  -- SHA-256 of the file and the embeddings beside it: a file that was changed is another load.
  source_sha256 text PRIMARY KEY,
  file_name text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at timestamptz,
  last_line bigint NOT NULL DEFAULT 0,
  last_uid text,
  first_test_case_id integer NOT NULL,
  inserted bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  steps bigint NOT NULL DEFAULT 0,
  zero_vectors bigint NOT NULL DEFAULT 0
);

COMMENT ON SCHEMA qbench IS 'Records of the operations; the application has no business here.';
COMMENT ON TABLE qbench.load_ledger IS 'Loads of files, finished and unfinished, one row each.';
COMMENT ON COLUMN qbench.load_ledger.last_line IS 'Last line of the file that is committed.';
COMMENT ON COLUMN qbench.load_ledger.last_uid IS 'uid of the last row that is committed; a load goes on only where it is still there.';
COMMENT ON COLUMN qbench.load_ledger.first_test_case_id IS 'Line n gets first_test_case_id + n - 1 where the file names no test_case_id.';
