-- Which objects of schema public are the application's, and which statement drops each? Objects of extensions are left out,
-- and those that go with another one: sequences of columns, indexes, constraints, row types.
-- role: owner
SELECT 'table' AS kind,
       c.relname::pg_catalog.text AS name,
       pg_catalog.format(
         'DROP %s IF EXISTS %I.%I CASCADE',
         CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
         'public',
         c.relname
       ) AS drop_statement
  FROM pg_catalog.pg_class AS c
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
   AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.objid = c.oid
            AND d.deptype IN ('e', 'a', 'i')
            AND d.refclassid IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass)
       )
UNION ALL
SELECT 'function',
       p.oid::pg_catalog.regprocedure::pg_catalog.text,
       pg_catalog.format('DROP ROUTINE IF EXISTS %I.%I(%s) CASCADE', 'public', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = 'public'::pg_catalog.regnamespace
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
       )
UNION ALL
SELECT 'type',
       t.typname::pg_catalog.text,
       pg_catalog.format('DROP TYPE IF EXISTS %I.%I CASCADE', 'public', t.typname)
  FROM pg_catalog.pg_type AS t
 WHERE t.typnamespace = 'public'::pg_catalog.regnamespace
   AND t.typtype IN ('e', 'd', 'r')
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
       )
 ORDER BY 1 DESC, 2;
