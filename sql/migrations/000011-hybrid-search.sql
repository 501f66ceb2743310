-- Vector search of documents with filters.

-- hnsw.iterative_scan is a parameter of pgvector's library: naming it in CREATE FUNCTION without the library in the
-- session needs a superuser. Reading one vector loads it.
DO $$ BEGIN PERFORM '[1]'::public.vector; END $$;

CREATE FUNCTION public.hybrid_search(
  query_embedding public.vector(1536),
  filter_priority text DEFAULT NULL,
  filter_tags text[] DEFAULT NULL,
  filter_platforms text[] DEFAULT NULL,
  filter_folder text DEFAULT NULL,
  search_limit integer DEFAULT 10
)
RETURNS TABLE (
  id integer,
  test_case_id integer,
  uid varchar,
  jira_key varchar,
  title text,
  description text,
  similarity double precision,
  priority varchar,
  tags text[],
  folder_structure text
)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
-- Filters are applied after the index: without iterative scans a filter leaves fewer rows than were asked for.
SET hnsw.iterative_scan = strict_order
-- Each call is planned for its own filters and limit; a generic plan would not know that the index is the best way.
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
  nearest integer[];
BEGIN
  IF search_limit < 1 THEN
    RAISE EXCEPTION 'search_limit is %, it must be 1 or more', search_limit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF vector_norm(query_embedding) = 0 THEN
    RAISE EXCEPTION 'the query embedding is a zero vector: it has no cosine distance to anything'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;

  nearest := ARRAY(
    SELECT d.id
      FROM test_documents AS d
     WHERE d.embedding IS NOT NULL
       AND (filter_priority IS NULL OR d.priority = filter_priority)
       AND (filter_tags IS NULL OR d.tags && filter_tags)
       AND (filter_platforms IS NULL OR d.platforms && filter_platforms)
       AND (filter_folder IS NULL OR starts_with(d.folder_structure, filter_folder))
     ORDER BY d.embedding <=> query_embedding
     LIMIT search_limit
  );

  -- An iterative scan stops at hnsw.max_scan_tuples, so a filter that few rows pass may miss some of them. Few rows are
  -- also cheap to compare one by one: distances are computed only for those that pass.
  IF cardinality(nearest) < search_limit THEN
    nearest := ARRAY(
      WITH passing AS MATERIALIZED (
        SELECT d.id, d.embedding <=> query_embedding AS distance
          FROM test_documents AS d
         WHERE d.embedding IS NOT NULL
           AND (filter_priority IS NULL OR d.priority = filter_priority)
           AND (filter_tags IS NULL OR d.tags && filter_tags)
           AND (filter_platforms IS NULL OR d.platforms && filter_platforms)
           AND (filter_folder IS NULL OR starts_with(d.folder_structure, filter_folder))
      )
      SELECT passing.id
        FROM passing
       -- The distance to a zero vector is NaN; the index has no zero vectors either.
       WHERE passing.distance <> 'NaN'
       ORDER BY passing.distance
       LIMIT search_limit
    );
  END IF;

  RETURN QUERY
    SELECT d.id, d.test_case_id, d.uid, d.jira_key, d.title, d.description,
           1 - (d.embedding <=> query_embedding), d.priority, d.tags, d.folder_structure
      FROM test_documents AS d
     WHERE d.id = ANY (nearest)
     ORDER BY d.embedding <=> query_embedding, d.id;
END
$$;

COMMENT ON FUNCTION public.hybrid_search(public.vector, text, text[], text[], text, integer) IS
  'Documents nearest to an embedding by cosine, most similar first; filters that are NULL do not filter. '
  'Accuracy follows hnsw.ef_search of the session.';
