-- Which rows lie nearest above these ids? Random ids make a random sample without reading the table. NULL and zero
-- vectors are not sampled: cosine distance knows neither, and neither is in the index.
-- psql: \set table test_documents \set column embedding
-- parameters: $1 bigint[]
SELECT DISTINCT s.id
  FROM pg_catalog.unnest($1::pg_catalog.int8[]) AS r (id),
       LATERAL (
         SELECT t.id
           FROM public.:"table" AS t
          WHERE t.id >= r.id
            AND t.:"column" IS NOT NULL
            AND public.vector_norm(t.:"column") > 0
          ORDER BY t.id
          LIMIT 1
       ) AS s
 ORDER BY s.id;
