-- A role's attributes, memberships and settings. $1: its name
SELECT r.oid::text AS oid,
       r.rolname AS name,
       r.rolsuper AS superuser,
       r.rolinherit AS inherit,
       r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_database,
       r.rolcanlogin AS login,
       r.rolreplication AS replication,
       r.rolbypassrls AS bypass_rls,
       r.rolconnlimit AS connection_limit,
       COALESCE(r.rolvaliduntil::text, 'infinity') AS valid_until,
       COALESCE(r.rolconfig, '{}') AS settings,
       ARRAY(SELECT DISTINCT pg_catalog.pg_get_userbyid(m.roleid)::text
               FROM pg_catalog.pg_auth_members m
              WHERE m.member = r.oid
              ORDER BY 1) AS roles
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = $1
