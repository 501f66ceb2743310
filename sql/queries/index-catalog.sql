-- Which vector indexes are on these tables, and which others on them are invalid?
-- `definition` is the key as PostgreSQL prints it; `options` are storage parameters that differ from the defaults.
-- parameters: $1 text[] (names of tables in schema public)
SELECT c.oid::pg_catalog.int8 AS oid,
       c.relname AS name,
       t.relname AS "table",
       m.amname AS method,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indislive AS live,
       i.indnatts = 1 AND i.indpred IS NULL AS simple,
       EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = c.oid) AS constrains,
       o.opcname AS operator_class,
       pg_catalog.pg_get_indexdef(c.oid, 1, true) AS definition,
       coalesce(pg_catalog.array_to_json(c.reloptions)::pg_catalog.text, '[]') AS options,
       pg_catalog.pg_relation_size(c.oid)::pg_catalog.int8 AS size_bytes,
       coalesce(s.idx_scan, 0) AS scans
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
  JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0]
  LEFT JOIN pg_catalog.pg_stat_user_indexes AS s ON s.indexrelid = c.oid
 WHERE t.relnamespace = 'public'::pg_catalog.regnamespace
   AND t.relname = ANY ($1::pg_catalog.text[])
   AND (m.amname IN ('hnsw', 'ivfflat') OR NOT i.indisvalid)
 ORDER BY t.relname, c.relname;
