-- Which rows does the index over vector find near the embedding of one stored row? The application's own ORDER BY.
-- psql: \set table test_documents \set column embedding
-- parameters: $1 bigint, $2 integer (id of the row, number of rows)
SELECT t.id,
       t.:"column" OPERATOR(public.<=>) (SELECT p.:"column" FROM public.:"table" AS p WHERE p.id = $1) AS distance
  FROM public.:"table" AS t
 ORDER BY distance
 LIMIT $2;
