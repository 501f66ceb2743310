-- Steps nearest to an embedding by cosine, most similar first, with their documents. $1: embedding, as text; $2: how many; filters on the
-- document, each NULL for none: $3 priority; $4 tags, text[], any of them; $5 platform; $6 beginning of the folder; $7 uid to leave out.
-- parameters: $1 vector, $2 integer, $3 text, $4 text[], $5 text, $6 text, $7 text
SELECT d.uid, d.title, s.step_index, s.action, s.expected,
       1 - (s.embedding OPERATOR(public.<=>) $1::public.vector) AS similarity
  FROM public.test_steps AS s
  JOIN public.test_documents AS d ON d.id = s.test_document_id
 WHERE s.embedding IS NOT NULL
   AND ($3::text IS NULL OR d.priority = $3)
   AND ($4::text[] IS NULL OR d.tags && $4)
   AND ($5::text IS NULL OR d.platforms && ARRAY[$5::text])
   AND ($6::text IS NULL OR pg_catalog.starts_with(d.folder_structure, $6))
   AND ($7::text IS NULL OR d.uid <> $7)
 ORDER BY s.embedding OPERATOR(public.<=>) $1::public.vector
 LIMIT $2;
