-- An unfinished load of this file whose last committed row is still there. $1: SHA-256 of the source.
-- parameters: $1 text
SELECT l.last_line, l.last_uid, l.first_test_case_id, l.inserted, l.updated, l.unchanged, l.skipped, l.rejected, l.steps, l.zero_vectors,
       l.last_uid IS NULL OR EXISTS (SELECT FROM public.test_documents AS d WHERE d.uid = l.last_uid) AS still_there
  FROM qbench.load_ledger AS l
 WHERE l.source_sha256 = $1
   AND l.finished_at IS NULL
   AND l.last_line > 0;
