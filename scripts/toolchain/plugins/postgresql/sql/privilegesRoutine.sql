-- A grantee's privileges on each routine of a kind. $1: grantee oid (0: PUBLIC), $2: schema, $3: prokinds, $4: names or null
SELECT p.proname::text AS object,
       ARRAY(SELECT DISTINCT a.privilege_type
               FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
              WHERE a.grantee = $1::oid ORDER BY 1) AS privileges
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = $2
   AND p.prokind::text = ANY ($3::text[])
   AND ($4::text[] IS NULL OR p.proname::text = ANY ($4::text[]))
 ORDER BY 1
