-- Which sessions of this database have been idle in a transaction for at least so many seconds? Longest first.
-- role: monitor
-- parameters: $1 double precision (seconds)
SELECT a.pid,
       coalesce(a.usename, '') AS role,
       a.application_name AS application,
       coalesce(pg_catalog.host(a.client_addr), 'socket') AS client,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::pg_catalog.float8 AS seconds
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.datname = pg_catalog.current_database()
   AND a.backend_type = 'client backend'
   AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
   AND a.state_change <= pg_catalog.clock_timestamp() - $1 * interval '1 second'
   AND a.pid <> pg_catalog.pg_backend_pid()
 ORDER BY a.state_change;
