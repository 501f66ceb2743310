-- Over which type is the live vector index of this name built? NULL where there is no valid one.
-- parameters: $1 text = idx_test_documents_embedding
SELECT public.embedding_index_type($1) AS type;
