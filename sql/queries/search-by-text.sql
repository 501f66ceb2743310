-- The stored document that a text means: the one with this title, else the one whose title or description holds words most like it.
-- $1: the text. Trigram indexes serve both conditions. Only documents with an embedding can be searched with.
-- parameters: $1 text
SELECT d.uid, d.title, d.embedding::text AS embedding,
       greatest(
         public.similarity(d.title, $1),
         public.word_similarity($1, d.title),
         public.word_similarity($1, coalesce(d.description, ''))
       ) AS likeness
  FROM public.test_documents AS d
 WHERE d.embedding IS NOT NULL
   AND (d.title OPERATOR(public.%) $1 OR $1 OPERATOR(public.<%) d.title OR $1 OPERATOR(public.<%) d.description)
 ORDER BY d.title = $1 DESC, likeness DESC, d.id
 LIMIT 1;
