-- Ends sessions of this database that are idle in a transaction, if they still are; their transactions are rolled back.
-- Another session that has got the number of one that ended is left alone: it is looked at once more.
-- parameters: $1 integer[], $2 double precision (process ids, seconds of idleness at least)
SELECT a.pid,
       pg_catalog.pg_terminate_backend(a.pid) AS ended
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid = ANY ($1)
   AND a.datname = pg_catalog.current_database()
   AND a.backend_type = 'client backend'
   AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
   AND a.state_change <= pg_catalog.clock_timestamp() - $2 * interval '1 second'
   AND a.pid <> pg_catalog.pg_backend_pid();
