--! no-transaction
-- Documents that no search finds yet: their number is read by monitoring every few minutes, and they are what the application has
-- to compute embeddings for. Empty, and one page large, where every document has its embedding.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_without_embedding
  ON public.test_documents (id) WHERE embedding IS NULL;
