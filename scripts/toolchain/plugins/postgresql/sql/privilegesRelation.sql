-- A grantee's privileges on each relation of a kind. $1: grantee oid (0: PUBLIC), $2: schema, $3: relkinds, $4: names or null
SELECT c.relname::text AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(COALESCE(c.relacl,
                      pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $2
   AND c.relkind::text = ANY ($3::text[])
   AND ($4::text[] IS NULL OR c.relname::text = ANY ($4::text[]))
 ORDER BY 1
