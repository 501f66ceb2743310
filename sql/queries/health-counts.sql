-- How much there is, and how much of it has no embedding yet.
SELECT pg_catalog.pg_database_size(pg_catalog.current_database())::text AS database_bytes,
       documents.total AS documents,
       documents.without AS documents_without_embedding,
       steps.total AS steps,
       steps.without AS steps_without_embedding,
       (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'vector') AS pgvector_version
  FROM (SELECT count(*)::text AS total, count(*) FILTER (WHERE d.embedding IS NULL)::text AS without FROM public.test_documents AS d) AS documents,
       (SELECT count(*)::text AS total, count(*) FILTER (WHERE s.embedding IS NULL)::text AS without FROM public.test_steps AS s) AS steps;
