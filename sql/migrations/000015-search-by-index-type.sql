-- Search through indexes over halfvec and over bits: an index over an expression answers only a query with that expression. The
-- functions of the application's contract follow the index that serves now, so a change of its type needs no change of the application.

-- Loads pgvector's library, see 000011-hybrid-search.sql.
DO $$ BEGIN PERFORM '[1]'::public.vector; END $$;

CREATE FUNCTION public.embedding_index_type(index_name text)
RETURNS text
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
RETURN (
  SELECT CASE o.opcname WHEN 'halfvec_cosine_ops' THEN 'halfvec' WHEN 'bit_hamming_ops' THEN 'bit' ELSE 'vector' END
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0]
   WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
     AND c.relname = index_name::pg_catalog.name
     AND i.indisvalid
);

COMMENT ON FUNCTION public.embedding_index_type(text) IS
  'Type that the vector index of this name is built over: vector, halfvec or bit; NULL where there is no valid one.';

-- The four functions below are inlined into the calling query: no SET clause, no STRICT.

CREATE FUNCTION public.search_documents_halfvec(query_embedding public.vector(1536), search_limit integer DEFAULT 10)
RETURNS TABLE (id integer, distance double precision)
LANGUAGE sql
STABLE
SECURITY INVOKER
BEGIN ATOMIC
  SELECT n.id, n.embedding OPERATOR(public.<=>) query_embedding
    FROM (
           SELECT d.id, d.embedding
             FROM public.test_documents AS d
            ORDER BY d.embedding::public.halfvec(1536) OPERATOR(public.<=>) query_embedding::public.halfvec(1536)
            LIMIT search_limit
         ) AS n
   ORDER BY 2;
END;

COMMENT ON FUNCTION public.search_documents_halfvec(public.vector, integer) IS
  'Documents nearest to an embedding, found by an index over halfvec; distances are those of the full vectors.';

CREATE FUNCTION public.search_documents_bit(
  query_embedding public.vector(1536),
  search_limit integer DEFAULT 10,
  candidates integer DEFAULT NULL
)
RETURNS TABLE (id integer, distance double precision)
LANGUAGE sql
STABLE
SECURITY INVOKER
BEGIN ATOMIC
  SELECT n.id, n.embedding OPERATOR(public.<=>) query_embedding
    FROM (
           SELECT d.id, d.embedding
             FROM public.test_documents AS d
            WHERE d.embedding IS NOT NULL
            ORDER BY public.binary_quantize(d.embedding)::pg_catalog.bit(1536)
                     OPERATOR(public.<~>) public.binary_quantize(query_embedding)::pg_catalog.bit(1536)
            -- More candidates than hnsw.ef_search are not given by one scan; fewer would be thrown away unread.
            LIMIT greatest(search_limit, coalesce(candidates, pg_catalog.current_setting('hnsw.ef_search')::integer))
         ) AS n
   -- An index over bits has zero vectors too, which have no cosine distance to anything.
   WHERE public.vector_norm(n.embedding) > 0
   ORDER BY 2
   LIMIT search_limit;
END;

COMMENT ON FUNCTION public.search_documents_bit(public.vector, integer, integer) IS
  'Documents nearest to an embedding: candidates by Hamming distance from an index over bits, reranked by the full vectors. '
  'Accuracy follows hnsw.ef_search of the session; 200 is a good beginning.';

CREATE FUNCTION public.search_steps_halfvec(query_embedding public.vector(1536), search_limit integer DEFAULT 10)
RETURNS TABLE (id integer, distance double precision)
LANGUAGE sql
STABLE
SECURITY INVOKER
BEGIN ATOMIC
  SELECT n.id, n.embedding OPERATOR(public.<=>) query_embedding
    FROM (
           SELECT s.id, s.embedding
             FROM public.test_steps AS s
            ORDER BY s.embedding::public.halfvec(1536) OPERATOR(public.<=>) query_embedding::public.halfvec(1536)
            LIMIT search_limit
         ) AS n
   ORDER BY 2;
END;

COMMENT ON FUNCTION public.search_steps_halfvec(public.vector, integer) IS
  'Steps nearest to an embedding, found by an index over halfvec; distances are those of the full vectors.';

CREATE FUNCTION public.search_steps_bit(
  query_embedding public.vector(1536),
  search_limit integer DEFAULT 10,
  candidates integer DEFAULT NULL
)
RETURNS TABLE (id integer, distance double precision)
LANGUAGE sql
STABLE
SECURITY INVOKER
BEGIN ATOMIC
  SELECT n.id, n.embedding OPERATOR(public.<=>) query_embedding
    FROM (
           SELECT s.id, s.embedding
             FROM public.test_steps AS s
            WHERE s.embedding IS NOT NULL
            ORDER BY public.binary_quantize(s.embedding)::pg_catalog.bit(1536)
                     OPERATOR(public.<~>) public.binary_quantize(query_embedding)::pg_catalog.bit(1536)
            -- More candidates than hnsw.ef_search are not given by one scan; fewer would be thrown away unread.
            LIMIT greatest(search_limit, coalesce(candidates, pg_catalog.current_setting('hnsw.ef_search')::integer))
         ) AS n
   -- An index over bits has zero vectors too, which have no cosine distance to anything.
   WHERE public.vector_norm(n.embedding) > 0
   ORDER BY 2
   LIMIT search_limit;
END;

COMMENT ON FUNCTION public.search_steps_bit(public.vector, integer, integer) IS
  'Steps nearest to an embedding: candidates by Hamming distance from an index over bits, reranked by the full vectors. '
  'Accuracy follows hnsw.ef_search of the session; 200 is a good beginning.';

CREATE OR REPLACE FUNCTION public.hybrid_search(
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

  -- Each branch is a query of its own: the planner takes an index over an expression only for that very expression.
  CASE embedding_index_type('idx_test_documents_embedding')
  WHEN 'halfvec' THEN
    nearest := ARRAY(
      SELECT d.id
        FROM test_documents AS d
       WHERE d.embedding IS NOT NULL
         AND (filter_priority IS NULL OR d.priority = filter_priority)
         AND (filter_tags IS NULL OR d.tags && filter_tags)
         AND (filter_platforms IS NULL OR d.platforms && filter_platforms)
         AND (filter_folder IS NULL OR starts_with(d.folder_structure, filter_folder))
       ORDER BY d.embedding::halfvec(1536) <=> query_embedding::halfvec(1536)
       LIMIT search_limit
    );
  WHEN 'bit' THEN
    nearest := ARRAY(
      SELECT candidate.id
        FROM (
               SELECT d.id, d.embedding
                 FROM test_documents AS d
                WHERE d.embedding IS NOT NULL
                  AND (filter_priority IS NULL OR d.priority = filter_priority)
                  AND (filter_tags IS NULL OR d.tags && filter_tags)
                  AND (filter_platforms IS NULL OR d.platforms && filter_platforms)
                  AND (filter_folder IS NULL OR starts_with(d.folder_structure, filter_folder))
                ORDER BY binary_quantize(d.embedding)::bit(1536) <~> binary_quantize(query_embedding)::bit(1536)
                LIMIT greatest(search_limit, current_setting('hnsw.ef_search')::integer)
             ) AS candidate
       WHERE vector_norm(candidate.embedding) > 0
       ORDER BY candidate.embedding <=> query_embedding
       LIMIT search_limit
    );
  ELSE
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
  END CASE;

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
  'Accuracy follows hnsw.ef_search of the session. Searches by the live index, whatever its type.';

CREATE OR REPLACE FUNCTION public.search_steps(
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
  CASE embedding_index_type('idx_test_steps_embedding')
  WHEN 'halfvec' THEN
    RETURN QUERY
      SELECT s.id, s.test_document_id, s.step_index, s.action, s.expected, 1 - (s.embedding <=> query_embedding)
        FROM test_steps AS s
       WHERE s.embedding IS NOT NULL
       ORDER BY s.embedding::halfvec(1536) <=> query_embedding::halfvec(1536)
       LIMIT search_limit;
  WHEN 'bit' THEN
    RETURN QUERY
      SELECT s.id, s.test_document_id, s.step_index, s.action, s.expected, 1 - (s.embedding <=> query_embedding)
        FROM (
               SELECT t.*
                 FROM test_steps AS t
                WHERE t.embedding IS NOT NULL
                ORDER BY binary_quantize(t.embedding)::bit(1536) <~> binary_quantize(query_embedding)::bit(1536)
                LIMIT greatest(search_limit, current_setting('hnsw.ef_search')::integer)
             ) AS s
       WHERE vector_norm(s.embedding) > 0
       ORDER BY s.embedding <=> query_embedding
       LIMIT search_limit;
  ELSE
    RETURN QUERY
      SELECT s.id, s.test_document_id, s.step_index, s.action, s.expected, 1 - (s.embedding <=> query_embedding)
        FROM test_steps AS s
       WHERE s.embedding IS NOT NULL
       ORDER BY s.embedding <=> query_embedding
       LIMIT search_limit;
  END CASE;
END
$$;

COMMENT ON FUNCTION public.search_steps(public.vector, integer) IS
  'Steps nearest to an embedding by cosine, most similar first. Accuracy follows hnsw.ef_search of the session. '
  'Searches by the live index, whatever its type.';
