-- Between which ids do the rows of a table lie? NULL for an empty table.
-- psql: \set table test_documents
SELECT pg_catalog.min(t.id) AS first,
       pg_catalog.max(t.id) AS last
  FROM public.:"table" AS t;
