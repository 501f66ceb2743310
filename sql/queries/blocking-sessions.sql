-- Which sessions does this backend wait for?
-- parameters: $1 integer
-- role: owner
SELECT b.pid,
       a.usename,
       a.application_name,
       a.state,
       pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS transaction_since
  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::pg_catalog.int4)) AS b (pid)
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid;
