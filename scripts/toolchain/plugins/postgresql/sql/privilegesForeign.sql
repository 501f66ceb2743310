-- A grantee's privileges on foreign-data wrappers or servers. $1: grantee oid (0: PUBLIC), $2: names, $3: object type
SELECT f.name AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(f.acl) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM (SELECT fdwname::text AS name, fdwacl AS acl, 'foreign_data_wrapper' AS type FROM pg_catalog.pg_foreign_data_wrapper
        UNION ALL
        SELECT srvname::text, srvacl, 'foreign_server' FROM pg_catalog.pg_foreign_server) f
 WHERE f.name = ANY ($2::text[])
   AND f.type = $3
 ORDER BY 1
