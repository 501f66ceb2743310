--! no-transaction
-- Parts of words in descriptions: description ILIKE '%login%', description % $1.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_description_trgm
  ON public.test_documents USING gin (description public.gin_trgm_ops);
