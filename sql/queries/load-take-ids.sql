-- Ids for documents whose steps are copied in the same batch. $1: how many.
-- parameters: $1 integer
-- writes
SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('public.test_documents', 'id'))::integer AS id
  FROM pg_catalog.generate_series(1, $1::integer);
