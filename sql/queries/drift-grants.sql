-- Who besides the owner may do what with the objects of the application? What belongs to an extension is left out.
-- role: superuser
WITH acls AS (
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
         n.nspname || '.' || c.relname AS name,
         c.relowner AS owner,
         coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl,
         'pg_catalog.pg_class'::pg_catalog.regclass AS catalog,
         c.oid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE n.nspname IN ('public', 'qbench')
     AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'function',
         n.nspname || '.' || p.proname,
         p.proowner,
         coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)),
         'pg_catalog.pg_proc'::pg_catalog.regclass,
         p.oid
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname IN ('public', 'qbench')
  UNION ALL
  SELECT 'schema', n.nspname, n.nspowner, coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)),
         'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid
    FROM pg_catalog.pg_namespace AS n
   WHERE n.nspname IN ('public', 'qbench')
  UNION ALL
  SELECT 'database', d.datname, d.datdba, coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)),
         'pg_catalog.pg_database'::pg_catalog.regclass, d.oid
    FROM pg_catalog.pg_database AS d
   WHERE d.datname = pg_catalog.current_database()
)
SELECT a.kind,
       a.name,
       CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(x.grantee)::pg_catalog.text END AS grantee,
       x.privilege_type AS privilege
  FROM acls AS a
  CROSS JOIN LATERAL pg_catalog.aclexplode(a.acl) AS x
 WHERE x.grantee <> a.owner
   AND NOT EXISTS (
     SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.classid = a.catalog AND d.objid = a.oid AND d.deptype = 'e'
   )
 ORDER BY 1, 2, 3, 4;
