-- A grantee's privileges on a schema. $1: grantee oid (0: PUBLIC), $2: schema
SELECT n.nspname::text AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname = $2
