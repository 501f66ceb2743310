-- A load of this file begins at its first line. $1: SHA-256 of the source; $2: file name; $3: first test_case_id.
-- parameters: $1 text, $2 text, $3 integer
-- writes
INSERT INTO qbench.load_ledger (source_sha256, file_name, first_test_case_id)
VALUES ($1, $2, $3)
ON CONFLICT (source_sha256) DO UPDATE SET
  file_name = EXCLUDED.file_name,
  first_test_case_id = EXCLUDED.first_test_case_id,
  started_at = pg_catalog.now(),
  finished_at = NULL,
  last_line = 0,
  last_uid = NULL,
  inserted = 0,
  updated = 0,
  unchanged = 0,
  skipped = 0,
  rejected = 0,
  steps = 0,
  zero_vectors = 0;
