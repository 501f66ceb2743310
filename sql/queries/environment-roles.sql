-- The roles of the database and what they could do with the whole server. $1: role names, text[].
-- parameters: $1 text[]
SELECT needed.name,
       r.oid IS NOT NULL AS there,
       r.rolcanlogin AS can_login,
       r.rolsuper AS superuser,
       r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_database,
       r.rolbypassrls AS bypass_rls,
       r.rolreplication AS replication
  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS needed (name)
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = needed.name
 ORDER BY needed.name;
