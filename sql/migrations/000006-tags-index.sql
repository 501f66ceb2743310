--! no-transaction
-- Overlap and containment of tags: tags && $1, tags @> $1.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_tags
  ON public.test_documents USING gin (tags);
