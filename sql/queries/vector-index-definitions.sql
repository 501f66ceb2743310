-- Which vector indexes do the application's tables have, and how is each made again?
-- role: owner
SELECT c.relname AS name,
       t.relname AS "table",
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       pg_catalog.obj_description(i.indexrelid, 'pg_class') AS comment
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
 WHERE t.relnamespace = 'public'::pg_catalog.regnamespace
   AND a.amname IN ('hnsw', 'ivfflat')
   AND i.indisvalid
 ORDER BY c.relname;
