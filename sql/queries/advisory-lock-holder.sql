-- Who holds an advisory lock of this database?
-- parameters: $1 bigint
-- role: owner
SELECT l.pid,
       a.application_name,
       a.usename,
       coalesce(a.client_addr::pg_catalog.text, 'local') AS client,
       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
  FROM pg_catalog.pg_locks AS l
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'advisory'
   AND l.granted
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
   -- A key of 64 bits is kept as two halves.
   AND l.objsubid = 1
   AND l.classid::pg_catalog.int8 = $1::pg_catalog.int8 >> 32
   AND l.objid::pg_catalog.int8 = $1::pg_catalog.int8 & 4294967295;
