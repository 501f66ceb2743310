-- Which rows does the index over bits find near the embedding of one stored row, after reranking its candidates by the full vectors?
-- Candidates are as many as the index scan gives: hnsw.ef_search of the session.
-- psql: \set table test_documents \set column embedding \set dimensions 1536
-- parameters: $1 bigint, $2 integer, $3 integer (id of the row, number of rows, number of candidates)
WITH probe AS MATERIALIZED (SELECT p.:"column" AS embedding FROM public.:"table" AS p WHERE p.id = $1)
SELECT n.id,
       n.embedding OPERATOR(public.<=>) (SELECT embedding FROM probe) AS distance
  FROM (
         SELECT t.id, t.:"column" AS embedding
           FROM public.:"table" AS t
          ORDER BY public.binary_quantize(t.:"column")::pg_catalog.bit(:dimensions)
                   OPERATOR(public.<~>) (SELECT public.binary_quantize(embedding)::pg_catalog.bit(:dimensions) FROM probe)
          LIMIT $3
       ) AS n
 ORDER BY distance
 LIMIT $2;
