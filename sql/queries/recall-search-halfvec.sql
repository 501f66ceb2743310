-- Which rows does the index over halfvec find near the embedding of one stored row? Distances are those of the full vectors.
-- psql: \set table test_documents \set column embedding \set dimensions 1536
-- parameters: $1 bigint, $2 integer (id of the row, number of rows)
WITH probe AS MATERIALIZED (SELECT p.:"column" AS embedding FROM public.:"table" AS p WHERE p.id = $1)
SELECT n.id,
       n.embedding OPERATOR(public.<=>) (SELECT embedding FROM probe) AS distance
  FROM (
         SELECT t.id, t.:"column" AS embedding
           FROM public.:"table" AS t
          ORDER BY t.:"column"::public.halfvec(:dimensions)
                   OPERATOR(public.<=>) (SELECT embedding::public.halfvec(:dimensions) FROM probe)
          LIMIT $2
       ) AS n
 ORDER BY distance;
