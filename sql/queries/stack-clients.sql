-- Who is connected to this server, as people and programs of the application? Monitoring asks all day and is nobody's use of a stack.
-- parameters: $1 text
-- role: superuser
SELECT coalesce(nullif(a.application_name, ''), 'a client') || ' of ' || a.usename AS client
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.backend_type = 'client backend'
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.usename <> $1
   AND a.application_name <> 'qbench stack'
 ORDER BY a.backend_start;
