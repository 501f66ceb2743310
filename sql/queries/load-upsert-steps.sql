-- Inserts or updates the steps of the staged lines. Steps that the file does not have stay.
-- after: queries/load-staging
-- writes
INSERT INTO public.test_steps AS t (test_document_id, step_index, action, expected, data, embedding)
SELECT d.document_id, s.step_index, s.action, s.expected, s.data, s.embedding
  FROM load_steps AS s
  JOIN load_documents AS d ON d.line = s.line
 ORDER BY s.line, s.step_index
ON CONFLICT (test_document_id, step_index) DO UPDATE SET
  action = coalesce(EXCLUDED.action, t.action),
  expected = coalesce(EXCLUDED.expected, t.expected),
  data = coalesce(EXCLUDED.data, t.data),
  embedding = coalesce(EXCLUDED.embedding, t.embedding)
WHERE (EXCLUDED.action IS NOT NULL AND t.action IS DISTINCT FROM EXCLUDED.action)
   OR (EXCLUDED.expected IS NOT NULL AND t.expected IS DISTINCT FROM EXCLUDED.expected)
   OR (EXCLUDED.data IS NOT NULL AND t.data IS DISTINCT FROM EXCLUDED.data)
   OR (EXCLUDED.embedding IS NOT NULL AND (t.embedding IS NULL OR t.embedding OPERATOR(public.<>) EXCLUDED.embedding));
