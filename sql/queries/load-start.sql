-- What a load needs to know before its first row: dimensions of the two embedding columns, the time in this session's
-- time zone in microseconds since 1970 (what DEFAULT now() would store), and the first test_case_id that is free for rows
-- without one. Those ids begin at 1,000,000,000, far above the numbers that TestRail gives.
-- atttypmod is the number of dimensions of a vector column, -1 where it is not fixed.
SELECT
  (SELECT a.atttypmod FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = 'public.test_documents'::pg_catalog.regclass AND a.attname = 'embedding') AS document_dimensions,
  (SELECT a.atttypmod FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = 'public.test_steps'::pg_catalog.regclass AND a.attname = 'embedding') AS step_dimensions,
  (extract(epoch FROM localtimestamp) * 1000000)::bigint::text AS now_microseconds,
  coalesce((SELECT max(d.test_case_id) + 1 FROM public.test_documents AS d WHERE d.test_case_id >= 1000000000), 1000000001) AS first_test_case_id,
  EXISTS (SELECT FROM public.test_documents) AS has_documents;
