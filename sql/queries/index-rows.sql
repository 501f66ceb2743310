-- How many rows of a table have an embedding? Reads the table, not the vectors.
-- psql: \set table test_documents \set column embedding
SELECT pg_catalog.count(:"column") AS rows
  FROM public.:"table";
