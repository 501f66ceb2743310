-- As search-documents, found by an index over halfvec. Similarity, and the order of what was found, are those of the full vectors.
-- Cosine does not see lengths: at length 1 no value of the query is beyond the range of halfvec, or so small that it becomes 0.
-- parameters: $1 vector, $2 integer, $3 text, $4 text[], $5 text, $6 text, $7 text
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
          ORDER BY d.embedding::public.halfvec(1536)
                   OPERATOR(public.<=>) public.l2_normalize($1::public.vector)::public.halfvec(1536)
          LIMIT $2
       ) AS n
 ORDER BY n.embedding OPERATOR(public.<=>) $1::public.vector;
