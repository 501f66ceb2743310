--! no-transaction
-- Containment and keys of custom fields: custom_fields @> $1, custom_fields ? $1.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_test_documents_custom_fields
  ON public.test_documents USING gin (custom_fields);
