-- How many rows are there, and how many of them have no embedding? Counts every row: monitoring asks qbench.snapshot() instead.
SELECT documents.total AS documents,
       documents.without AS documents_without_embedding,
       steps.total AS steps,
       steps.without AS steps_without_embedding
  FROM (SELECT count(*)::text AS total, count(*) FILTER (WHERE d.embedding IS NULL)::text AS without FROM public.test_documents AS d) AS documents,
       (SELECT count(*)::text AS total, count(*) FILTER (WHERE s.embedding IS NULL)::text AS without FROM public.test_steps AS s) AS steps;
