-- Which indexes of the application's tables are vector indexes or not valid?
SELECT c.relname AS index_name,
       i.indisvalid AND i.indisready AS valid
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
 WHERE i.indrelid IN ('public.test_documents'::pg_catalog.regclass, 'public.test_steps'::pg_catalog.regclass)
   AND (am.amname IN ('hnsw', 'ivfflat') OR NOT i.indisvalid OR NOT i.indisready)
 ORDER BY c.relname;
