-- Indexes of the application's tables that are vector indexes or not valid. `building`: somebody is making it right now.
SELECT t.relname AS table_name,
       c.relname AS index_name,
       am.amname AS method,
       i.indisvalid AND i.indisready AS valid,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid) AS building,
       pg_catalog.pg_relation_size(c.oid)::text AS bytes
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
 WHERE t.oid IN ('public.test_documents'::pg_catalog.regclass, 'public.test_steps'::pg_catalog.regclass)
   AND (am.amname IN ('hnsw', 'ivfflat') OR NOT i.indisvalid OR NOT i.indisready)
 ORDER BY t.relname, c.relname;
