-- Searches with stored embeddings, timed in the server, for monitoring: SELECT qbench.probe().
-- Loads pgvector's library, see 000011-hybrid-search.sql.
DO $$ BEGIN PERFORM '[1]'::public.vector; END $$;

-- The application's own ORDER BY for a type of index: the planner takes an index over an expression only for that very expression.
CREATE FUNCTION qbench.probe_statement(table_name text, index_type text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE index_type
    WHEN 'halfvec' THEN format(
      'SELECT t.id, t.embedding OPERATOR(public.<=>) $1 AS distance FROM public.%I AS t '
      'ORDER BY t.embedding::public.halfvec(1536) OPERATOR(public.<=>) $1::public.halfvec(1536) LIMIT $2', table_name)
    WHEN 'bit' THEN format(
      'SELECT n.id, n.embedding OPERATOR(public.<=>) $1 AS distance FROM (SELECT t.id, t.embedding FROM public.%I AS t '
      'ORDER BY public.binary_quantize(t.embedding)::bit(1536) OPERATOR(public.<~>) public.binary_quantize($1)::bit(1536) '
      'LIMIT greatest($2, current_setting(''hnsw.ef_search'')::integer)) AS n ORDER BY distance LIMIT $2', table_name)
    ELSE format(
      'SELECT t.id, t.embedding OPERATOR(public.<=>) $1 AS distance FROM public.%I AS t '
      'ORDER BY t.embedding OPERATOR(public.<=>) $1 LIMIT $2', table_name)
  END
$$;

-- One index: latency of searches with random stored rows, whether each row finds itself, and recall@10 against exact comparisons.
CREATE FUNCTION qbench.probe_index(table_name text, index_name text, searches integer, comparisons integer, deadline timestamptz)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- A small table is searched by its index all the same; the exact comparison turns that round for itself.
SET enable_seqscan = off
SET enable_indexscan = on
SET jit = off
-- An old version of a row that the application is writing must not hold the probe up.
SET lock_timeout = '50ms'
AS $$
DECLARE
  neighbours CONSTANT integer := 10;
  index_type text := public.embedding_index_type(index_name);
  statement text;
  first_id bigint;
  last_id bigint;
  probe record;
  plan jsonb;
  begun timestamptz;
  times double precision[] := '{}';
  found double precision[];
  radius double precision;
  truth double precision[];
  shares double precision[] := '{}';
  misses integer := 0;
  used boolean;
  answer jsonb;
BEGIN
  answer := jsonb_build_object('table', table_name, 'index', index_name, 'type', index_type);
  IF index_type IS NULL THEN
    RETURN answer || jsonb_build_object('searches', 0, 'error', 'there is no valid index of this name');
  END IF;
  statement := qbench.probe_statement(table_name, index_type);
  EXECUTE format('SELECT min(id), max(id) FROM public.%I', table_name) INTO first_id, last_id;
  FOR i IN 1 .. greatest(searches, comparisons) LOOP
    EXIT WHEN first_id IS NULL OR clock_timestamp() > deadline;
    EXECUTE format(
      'SELECT t.id, t.embedding FROM public.%I AS t WHERE t.id >= $1 AND t.embedding IS NOT NULL AND public.vector_norm(t.embedding) > 0 '
      'ORDER BY t.id LIMIT 1', table_name)
       INTO probe USING first_id + floor(random() * (last_id - first_id + 1))::bigint;
    CONTINUE WHEN probe.id IS NULL;
    IF used IS NULL THEN
      EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan USING probe.embedding, neighbours + 1;
      used := jsonb_path_exists(plan, '$.**."Index Name" ? (@ == $name)', jsonb_build_object('name', index_name));
    END IF;
    begun := clock_timestamp();
    EXECUTE format('SELECT array_agg(s.distance ORDER BY s.distance) FROM (%s) AS s', statement)
       INTO found USING probe.embedding, neighbours + 1;
    IF i <= searches THEN
      times := times || extract(epoch FROM clock_timestamp() - begun)::double precision * 1000;
      -- Equal rows are as good as the row itself; their distance may differ from 0 in its last bits.
      IF found[1] IS NULL OR found[1] > 1e-6 THEN
        misses := misses + 1;
      END IF;
    END IF;
    IF i <= comparisons AND clock_timestamp() < deadline THEN
      PERFORM set_config('enable_indexscan', 'off', true);
      EXECUTE format(
        'SELECT array_agg(s.distance ORDER BY s.distance) FROM (SELECT t.embedding OPERATOR(public.<=>) $1 AS distance FROM public.%I AS t '
        'WHERE t.embedding IS NOT NULL ORDER BY distance LIMIT $2) AS s', table_name)
         INTO truth USING probe.embedding, neighbours + 1;
      PERFORM set_config('enable_indexscan', 'on', true);
      -- The row itself is the nearest in both, so it does not count.
      radius := truth[array_upper(truth, 1)];
      IF array_length(truth, 1) > 1 THEN
        shares := shares || least(1, greatest(0, (SELECT count(*) FROM unnest(found) AS f (distance) WHERE f.distance <= radius + 1e-9) - 1)
          ::double precision / (array_length(truth, 1) - 1));
      END IF;
    END IF;
  END LOOP;
  answer := answer || jsonb_build_object('searches', coalesce(array_length(times, 1), 0), 'indexUsed', used, 'selfMisses', misses);
  IF array_length(times, 1) > 0 THEN
    answer := answer || (
      SELECT jsonb_build_object(
               'p50Ms', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY t.ms)::numeric, 3),
               'p95Ms', round(percentile_cont(0.95) WITHIN GROUP (ORDER BY t.ms)::numeric, 3),
               'p99Ms', round(percentile_cont(0.99) WITHIN GROUP (ORDER BY t.ms)::numeric, 3),
               'maxMs', round(max(t.ms)::numeric, 3))
        FROM unnest(times) AS t (ms)
    );
  END IF;
  IF array_length(shares, 1) > 0 THEN
    answer := answer || (
      SELECT jsonb_build_object('recall', round(avg(s.share)::numeric, 4), 'recallQueries', count(*), 'k', neighbours)
        FROM unnest(shares) AS s (share)
    );
  END IF;
  RETURN answer;
EXCEPTION
  -- Only what the index or the table itself raises; a cancelled or timed out probe ends as such.
  WHEN lock_not_available OR index_corrupted OR data_corrupted OR internal_error OR undefined_table THEN
    RETURN answer || jsonb_build_object('searches', 0, 'error', SQLERRM);
END
$$;

CREATE FUNCTION qbench.probe(searches integer DEFAULT 20, comparisons integer DEFAULT 0, budget_ms integer DEFAULT 5000)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  begun CONSTANT timestamptz := clock_timestamp();
  deadline CONSTANT timestamptz := begun + budget_ms * interval '1 millisecond';
  indexes jsonb;
BEGIN
  IF searches NOT BETWEEN 0 AND 10000 OR comparisons NOT BETWEEN 0 AND 1000 OR budget_ms NOT BETWEEN 1 AND 600000 THEN
    RAISE EXCEPTION 'searches is %, comparisons %, budget_ms %: allowed are 0 to 10000, 0 to 1000, 1 to 600000', searches, comparisons, budget_ms
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- The parameters of pgvector exist once its library is loaded, which reading a vector does.
  PERFORM '[1]'::public.vector;
  indexes := jsonb_build_array(
    -- Half of the time for the first, so that the second is never left out.
    qbench.probe_index('test_documents', 'idx_test_documents_embedding', searches, comparisons, begun + (deadline - begun) / 2),
    qbench.probe_index('test_steps', 'idx_test_steps_embedding', searches, comparisons, deadline)
  );
  RETURN jsonb_build_object(
    'version', 1,
    'at', to_char(begun AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'indexes', indexes,
    'elapsedMs', round(extract(epoch FROM clock_timestamp() - begun) * 1000, 1)
  );
END
$$;

COMMENT ON FUNCTION qbench.probe(integer, integer, integer) IS
  'Timed searches by both vector indexes with random stored rows, and recall@10 where comparisons are asked for (each reads the whole table); '
  'starts no search after budget_ms. For the monitor role; what one statement may take at most is statement_timeout.';
COMMENT ON FUNCTION qbench.probe_index(text, text, integer, integer, timestamptz) IS 'Part of qbench.probe().';
COMMENT ON FUNCTION qbench.probe_statement(text, text) IS 'Part of qbench.probe().';

REVOKE ALL ON FUNCTION qbench.probe(integer, integer, integer), qbench.probe_index(text, text, integer, integer, timestamptz),
  qbench.probe_statement(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION qbench.probe(integer, integer, integer), qbench.probe_index(text, text, integer, integer, timestamptz),
  qbench.probe_statement(text, text) TO qbench_monitor;
