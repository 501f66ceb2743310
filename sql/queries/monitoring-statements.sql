-- Which statements of this database take the most time? Texts are normalised: $1 where a value was. Statements of vector searches are
-- told apart. Times in milliseconds. Needs pg_stat_statements in shared_preload_libraries.
-- role: monitor
-- parameters: $1 double precision, $2 text = mean, $3 integer (least mean time, order: mean or total, number of rows)
SELECT s.queryid::text AS id,
       pg_catalog.left(pg_catalog.regexp_replace(s.query, '\s+', ' ', 'g'), 500) AS query,
       r.rolname AS role,
       s.calls::pg_catalog.float8 AS calls,
       s.mean_exec_time AS mean_ms,
       s.max_exec_time AS max_ms,
       s.stddev_exec_time AS deviation_ms,
       s.total_exec_time AS total_ms,
       s.rows::pg_catalog.float8 AS rows,
       s.shared_blks_hit::pg_catalog.float8 AS blocks_hit,
       s.shared_blks_read::pg_catalog.float8 AS blocks_read,
       s.query ~ '<=>|<->|<#>|<~>|hybrid_search|search_steps' AS vector_search
  FROM public.pg_stat_statements AS s
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
 WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
   AND s.mean_exec_time >= $1
 ORDER BY CASE $2 WHEN 'total' THEN s.total_exec_time ELSE s.mean_exec_time END DESC
 LIMIT $3;
