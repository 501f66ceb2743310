-- Who is this backend, and since when is its transaction open?
-- parameters: $1 integer
SELECT a.pid,
       a.usename AS role,
       a.application_name,
       a.state,
       a.datname AS database,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.float8 AS transaction_seconds
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid = $1::pg_catalog.int4;
