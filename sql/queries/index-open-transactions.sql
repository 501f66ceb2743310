-- Which transactions of other sessions are open in this database? Read from the locks, which every role may see.
SELECT l.virtualtransaction AS transaction,
       l.pid
  FROM pg_catalog.pg_locks AS l
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'virtualxid'
   AND l.granted
   AND l.mode = 'ExclusiveLock'
   AND l.pid <> pg_catalog.pg_backend_pid()
   AND a.datname = pg_catalog.current_database();
