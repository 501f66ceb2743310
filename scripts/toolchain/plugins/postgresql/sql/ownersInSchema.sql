-- Who owns a schema and the relations and routines in it. $1: schema
SELECT DISTINCT pg_catalog.pg_get_userbyid(o.owner)::text AS owner
  FROM (SELECT n.nspowner AS owner FROM pg_catalog.pg_namespace n WHERE n.nspname = $1
        UNION
        SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
        UNION
        SELECT p.proowner FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1) o
 ORDER BY 1
