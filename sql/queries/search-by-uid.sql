-- The document of a uid, and its embedding as text. $1: the uid.
-- parameters: $1 text
SELECT d.uid, d.title, d.embedding::text AS embedding
  FROM public.test_documents AS d
 WHERE d.uid = $1;
