-- What must be there before the first migration. Extensions are made by the Pulumi program, because only a superuser
-- may; migrations run as the owner of the database and need no more right than that.

DO $$
DECLARE
  missing text;
  pgvector int[];
BEGIN
  SELECT pg_catalog.string_agg(needed.name, ', ' ORDER BY needed.name)
    INTO missing
    FROM pg_catalog.unnest('{vector,pg_trgm,pg_stat_statements}'::pg_catalog.text[]) AS needed (name)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = needed.name);
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'extensions are missing in database %: %', pg_catalog.current_database(), missing
      USING ERRCODE = 'undefined_object',
            HINT = 'pulumi up makes them; by hand, as a superuser: CREATE EXTENSION name SCHEMA public';
  END IF;

  SELECT pg_catalog.string_to_array(e.extversion, '.')::int[]
    INTO pgvector
    FROM pg_catalog.pg_extension AS e
   WHERE e.extname = 'vector';
  IF pgvector < '{0,8,4}'::int[] THEN
    RAISE EXCEPTION 'pgvector % is too old, 0.8.4 or newer is needed', pg_catalog.array_to_string(pgvector, '.')
      USING ERRCODE = 'feature_not_supported',
            HINT = 'older ones can corrupt HNSW indexes (CVE-2026-3172, and by vacuum); upgrade, then ALTER EXTENSION vector UPDATE';
  END IF;

  -- The application's driver looks the type up by this name.
  IF pg_catalog.to_regtype('public.vector') IS NULL THEN
    RAISE EXCEPTION 'the extension vector is not in schema public'
      USING ERRCODE = 'undefined_object',
            HINT = 'as a superuser: ALTER EXTENSION vector SET SCHEMA public';
  END IF;
END
$$;
