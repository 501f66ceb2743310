-- Staged lines to documents: by uid.
-- after: queries/load-staging
-- writes
UPDATE load_documents AS s
   SET document_id = d.id
  FROM public.test_documents AS d
 WHERE s.document_id IS NULL
   AND d.uid = s.uid;
