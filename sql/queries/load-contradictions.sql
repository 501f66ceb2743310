-- Staged lines that cannot be one document: the test_case_id is another document's than the uid, or an earlier line of the batch
-- is about the same document.
-- after: queries/load-staging
SELECT s.line::text AS line,
       pg_catalog.format('test_case_id %s belongs to uid "%s"', s.test_case_id, other.uid) AS reason
  FROM load_documents AS s
  JOIN public.test_documents AS other ON other.test_case_id = s.test_case_id
 WHERE s.document_id <> other.id
UNION ALL
SELECT s.line::text,
       pg_catalog.format('is about the same document as line %s: one has its uid, the other its test_case_id', s.first_line)
  FROM (
    SELECT staged.line, staged.document_id, min(staged.line) OVER (PARTITION BY staged.document_id) AS first_line
      FROM load_documents AS staged
     WHERE staged.document_id IS NOT NULL
  ) AS s
 WHERE s.line <> s.first_line;
