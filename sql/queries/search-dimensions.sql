-- Dimensions of the two embedding columns; -1 where a column is not fixed to any.
SELECT c.relname AS table_name, a.atttypmod AS dimensions
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
 WHERE a.attname = 'embedding'
   AND c.oid IN ('public.test_documents'::pg_catalog.regclass, 'public.test_steps'::pg_catalog.regclass)
 ORDER BY c.relname;
