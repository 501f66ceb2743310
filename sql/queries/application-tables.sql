-- Which tables hold rows of the application or of its loads? The ledger of migrations is not one of them.
-- role: owner
SELECT n.nspname AS schema,
       c.relname AS name
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'qbench')
   AND c.relkind IN ('r', 'p')
   AND NOT c.relispartition
   AND (n.nspname, c.relname) <> ('qbench', 'migrations')
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
       )
 ORDER BY n.nspname, c.relname;
