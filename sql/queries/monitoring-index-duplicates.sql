-- Which indexes do what another one does already? The same key, method, predicate and operator classes, or a B-tree whose columns
-- are the first ones of another B-tree. Indexes that enforce something are never the ones to go.
-- role: monitor
WITH index AS (
  SELECT i.indexrelid AS oid,
         i.indrelid AS relation,
         t.relname AS table_name,
         c.relname AS name,
         am.amname AS method,
         i.indkey::pg_catalog.int2[] AS key,
         i.indclass::pg_catalog.oid[] AS classes,
         coalesce(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), '') AS expressions,
         coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') AS predicate,
         i.indnkeyatts AS columns,
         i.indisunique OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid) AS enforces
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
   WHERE t.relnamespace = 'public'::pg_catalog.regnamespace
     AND t.relname IN ('test_documents', 'test_steps')
     AND i.indisvalid
)
SELECT a.table_name,
       a.name,
       b.name AS covered_by,
       a.columns = b.columns AS equal
  FROM index AS a
  JOIN index AS b
    ON b.relation = a.relation
   AND b.oid <> a.oid
   AND b.method = a.method
   AND b.predicate = a.predicate
   AND b.expressions = a.expressions
   AND (
         (b.key = a.key AND b.classes = a.classes AND (b.enforces OR b.oid < a.oid))
         OR (a.method = 'btree' AND a.expressions = '' AND a.columns < b.columns
             AND b.key[0:a.columns - 1] = a.key[0:a.columns - 1] AND b.classes[0:a.columns - 1] = a.classes[0:a.columns - 1])
       )
 WHERE NOT a.enforces
 ORDER BY a.table_name, a.name, b.name;
