--! no-transaction
-- Overlap and containment of platforms: platforms && $1, platforms @> $1.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_platforms
  ON public.test_documents USING gin (platforms);
