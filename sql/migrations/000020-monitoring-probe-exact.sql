-- The exact comparison of qbench.probe() compares every row: with sequential scans and index scans both forbidden it went by the index.
-- Loads pgvector's library, see 000011-hybrid-search.sql.
DO $$ BEGIN PERFORM '[1]'::public.vector; END $$;

-- One index: latency of searches with random stored rows, whether each row finds itself, and recall@10 against exact comparisons.
CREATE OR REPLACE FUNCTION qbench.probe_index(table_name text, index_name text, searches integer, comparisons integer, deadline timestamptz)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- A small table is searched by its index all the same.
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
      -- Both: where every way is forbidden the planner takes the cheapest, and that would be the index again.
      PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
      EXECUTE format(
        'SELECT array_agg(s.distance ORDER BY s.distance) FROM (SELECT t.embedding OPERATOR(public.<=>) $1 AS distance FROM public.%I AS t '
        'WHERE t.embedding IS NOT NULL ORDER BY distance LIMIT $2) AS s', table_name)
         INTO truth USING probe.embedding, neighbours + 1;
      PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
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
