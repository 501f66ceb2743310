-- What bears one of these names in schema public?
-- parameters: $1 text[]
SELECT c.relname AS name,
       c.relkind AS kind,
       t.relname AS "table"
  FROM pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
   AND c.relname = ANY ($1::pg_catalog.text[]);
