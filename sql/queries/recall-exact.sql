-- Which rows are nearest to the embedding of one stored row, by comparing all of them?
-- Run it in a transaction after SET LOCAL enable_indexscan = off, or an index may answer. The distance to a zero vector
-- is NaN, which sorts last.
-- psql: \set table test_documents \set column embedding
-- parameters: $1 bigint, $2 integer (id of the row, number of rows)
SELECT t.id,
       t.:"column" OPERATOR(public.<=>) (SELECT p.:"column" FROM public.:"table" AS p WHERE p.id = $1) AS distance
  FROM public.:"table" AS t
 WHERE t.:"column" IS NOT NULL
 ORDER BY distance
 LIMIT $2;
