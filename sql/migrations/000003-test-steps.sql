-- The steps of a test case, each with an embedding of its own. About a third of the documents have none.
-- squawk-ignore-file prefer-identity

CREATE TABLE public.test_steps (
  id serial PRIMARY KEY,
  test_document_id integer NOT NULL REFERENCES public.test_documents (id) ON DELETE CASCADE,
  step_index integer NOT NULL,
  action text,
  expected text[],
  data text,
  embedding public.vector(1536),
  -- Also the index of the foreign key: a document's steps are found, and deleted with it, by its first column.
  UNIQUE (test_document_id, step_index)
);

COMMENT ON TABLE public.test_steps IS 'Steps of test cases, one row each, with the embedding of the step.';
COMMENT ON COLUMN public.test_steps.step_index IS 'Place of the step within its document; unique there.';
COMMENT ON COLUMN public.test_steps.expected IS 'Expected results of the step, in order.';
COMMENT ON COLUMN public.test_steps.embedding IS
  'Embedding of the step; NULL until it was computed. NULL and zero vectors are not in the HNSW index.';
