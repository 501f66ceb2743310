-- Roles that people made or changed: attributes beyond logging in, memberships, settings of their own. PostgreSQL's own are left out.
-- role: superuser
SELECT r.rolname AS name,
       pg_catalog.array_remove(ARRAY[
         CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
         CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
         CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
         CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
         CASE WHEN r.rolreplication THEN 'REPLICATION' END,
         CASE WHEN NOT r.rolcanlogin THEN 'NOLOGIN' END
       ], NULL)::pg_catalog.text[] AS attributes,
       ARRAY(
         SELECT g.rolname::pg_catalog.text
           FROM pg_catalog.pg_auth_members AS m
           JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid
          WHERE m.member = r.oid
          ORDER BY g.rolname
       ) AS memberships
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname !~ '^pg_'
   -- The one that initdb made.
   AND r.oid <> 10
 ORDER BY r.rolname;
