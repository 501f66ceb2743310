-- Staged lines to documents: by test_case_id, where the uid is not known (the application upserts by test_case_id).
-- after: queries/load-staging
-- writes
UPDATE load_documents AS s
   SET document_id = d.id
  FROM public.test_documents AS d
 WHERE s.document_id IS NULL
   AND d.test_case_id = s.test_case_id;
