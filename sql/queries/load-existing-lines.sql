-- Staged lines whose document is in the database already.
-- after: queries/load-staging
SELECT s.line::text AS line, s.uid FROM load_documents AS s WHERE s.document_id IS NOT NULL ORDER BY s.line;
