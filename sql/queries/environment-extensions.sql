-- The extensions that are needed: version and schema in this database, and the version that the server could give.
SELECT needed.name,
       e.extversion AS version,
       n.nspname AS schema_name,
       a.default_version AS available_version
  FROM pg_catalog.unnest('{vector,pg_trgm,pg_stat_statements}'::pg_catalog.text[]) AS needed (name)
  LEFT JOIN pg_catalog.pg_extension AS e ON e.extname = needed.name
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
  LEFT JOIN pg_catalog.pg_available_extensions AS a ON a.name = needed.name
 ORDER BY needed.name;
