-- How large is this table, and does it set parallel_workers? `estimated_rows` is -1 before the first ANALYZE.
-- parameters: $1 text, $2 text (table in schema public, column)
SELECT t.reltuples::pg_catalog.float8 AS estimated_rows,
       coalesce((SELECT s.null_frac
                   FROM pg_catalog.pg_stats AS s
                  WHERE s.schemaname = 'public'
                    AND s.tablename = t.relname
                    AND s.attname = $2::pg_catalog.name), 0)::pg_catalog.float8 AS null_share,
       (SELECT pg_catalog.split_part(o, '=', 2)::pg_catalog.int4
          FROM pg_catalog.unnest(t.reloptions) AS o
         WHERE pg_catalog.split_part(o, '=', 1) = 'parallel_workers') AS parallel_workers
  FROM pg_catalog.pg_class AS t
 WHERE t.relnamespace = 'public'::pg_catalog.regnamespace
   AND t.relname = $1::pg_catalog.name;
