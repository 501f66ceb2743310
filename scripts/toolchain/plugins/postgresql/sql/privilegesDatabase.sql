-- A grantee's privileges on a database. $1: grantee oid (0: PUBLIC), $2: database
SELECT d.datname::text AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM pg_catalog.pg_database d
 WHERE d.datname = $2
