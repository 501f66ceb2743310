-- A grantee's privileges on columns of a table. $1: grantee oid (0: PUBLIC), $2: schema, $3: table, $4: columns
SELECT t.attname::text AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(t.attacl) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM pg_catalog.pg_attribute t
  JOIN pg_catalog.pg_class c ON c.oid = t.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $2
   AND c.relname = $3
   AND t.attname::text = ANY ($4::text[])
   AND NOT t.attisdropped
 ORDER BY 1
