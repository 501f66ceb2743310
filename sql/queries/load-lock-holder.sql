-- Who holds the advisory lock of a key. $1: the key, a bigint; the server keeps its two halves apart.
SELECT l.pid, a.application_name, a.backend_start, a.usename
  FROM pg_catalog.pg_locks AS l
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'advisory'
   AND l.granted
   AND l.objsubid = 1
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
   AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint;
