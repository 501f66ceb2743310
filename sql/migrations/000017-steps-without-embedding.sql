--! no-transaction
-- Steps that no search finds yet, see 000016-documents-without-embedding.sql.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_steps_without_embedding
  ON public.test_steps (id) WHERE embedding IS NULL;
