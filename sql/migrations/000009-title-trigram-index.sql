--! no-transaction
-- Parts of words in titles: title ILIKE '%login%', title % $1.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_title_trgm
  ON public.test_documents USING gin (title public.gin_trgm_ops);
