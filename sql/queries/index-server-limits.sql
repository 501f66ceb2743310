-- What bounds a build on this server, and may this session hide an index from itself (superuser) or set parameters of the database (owner)?
SELECT pg_catalog.current_setting('max_parallel_workers')::pg_catalog.int4 AS max_parallel_workers,
       pg_catalog.current_setting('max_worker_processes')::pg_catalog.int4 AS max_worker_processes,
       pg_catalog.current_setting('dynamic_shared_memory_type') AS dynamic_shared_memory_type,
       r.rolsuper AS superuser,
       pg_catalog.pg_has_role(d.datdba, 'USAGE') AS owns_database
  FROM pg_catalog.pg_roles AS r,
       pg_catalog.pg_database AS d
 WHERE r.rolname = current_user
   AND d.datname = pg_catalog.current_database();
