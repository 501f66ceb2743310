-- As search-documents, by an index over bits: candidates by Hamming distance, reranked by the full vectors. $8: how many candidates.
-- parameters: $1 vector, $2 integer, $3 text, $4 text[], $5 text, $6 text, $7 text, $8 integer
SELECT n.uid, n.title, n.description, n.priority, n.tags, n.folder_structure,
       1 - (n.embedding OPERATOR(public.<=>) $1::public.vector) AS similarity
  FROM (
         SELECT d.uid, d.title, d.description, d.priority, d.tags, d.folder_structure, d.embedding
           FROM public.test_documents AS d
          WHERE d.embedding IS NOT NULL
            AND ($3::text IS NULL OR d.priority = $3)
            AND ($4::text[] IS NULL OR d.tags && $4)
            AND ($5::text IS NULL OR d.platforms && ARRAY[$5::text])
            AND ($6::text IS NULL OR pg_catalog.starts_with(d.folder_structure, $6))
            AND ($7::text IS NULL OR d.uid <> $7)
          ORDER BY public.binary_quantize(d.embedding)::pg_catalog.bit(1536)
                   OPERATOR(public.<~>) public.binary_quantize($1::public.vector)::pg_catalog.bit(1536)
          LIMIT $8
       ) AS n
 -- An index over bits has zero vectors too, which have no cosine distance to anything.
 WHERE public.vector_norm(n.embedding) > 0
 ORDER BY n.embedding OPERATOR(public.<=>) $1::public.vector
 LIMIT $2;
