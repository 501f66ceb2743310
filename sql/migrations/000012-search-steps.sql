-- Vector search of steps.

-- Loads pgvector's library, see 000011-hybrid-search.sql.
DO $$ BEGIN PERFORM '[1]'::public.vector; END $$;

CREATE FUNCTION public.search_steps(
  query_embedding public.vector(1536),
  search_limit integer DEFAULT 10
)
RETURNS TABLE (
  step_id integer,
  test_document_id integer,
  step_index integer,
  action text,
  expected text[],
  similarity double precision
)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
-- More rows than hnsw.ef_search can be asked for.
SET hnsw.iterative_scan = strict_order
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
  IF search_limit < 1 THEN
    RAISE EXCEPTION 'search_limit is %, it must be 1 or more', search_limit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF vector_norm(query_embedding) = 0 THEN
    RAISE EXCEPTION 'the query embedding is a zero vector: it has no cosine distance to anything'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY
    SELECT s.id, s.test_document_id, s.step_index, s.action, s.expected, 1 - (s.embedding <=> query_embedding)
      FROM test_steps AS s
     WHERE s.embedding IS NOT NULL
     ORDER BY s.embedding <=> query_embedding
     LIMIT search_limit;
END
$$;

COMMENT ON FUNCTION public.search_steps(public.vector, integer) IS
  'Steps nearest to an embedding by cosine, most similar first. Accuracy follows hnsw.ef_search of the session.';
