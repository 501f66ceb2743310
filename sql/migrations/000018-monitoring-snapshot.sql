-- The whole state of the database in one answer, for monitoring: SELECT qbench.snapshot().
-- Keys are the names that infra/ops/monitoring/snapshot.ts reads. Nothing in it is text of a running statement: that may hold data.

-- Tables of the application, one array element each. Rows are counted where the heap has at most 4,096 pages (32 MiB); beyond that
-- their number is estimated, as the planner does it, from the density at the last vacuum or analyze. Missing embeddings are counted
-- through a partial index up to 20,000; beyond that, or without that index, the share that ANALYZE saw is taken.
CREATE FUNCTION qbench.snapshot_tables()
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- A size needs a lock that VACUUM FULL or DROP INDEX keeps for itself: the snapshot must not queue behind them.
SET lock_timeout = '50ms'
-- Missing embeddings by their index, whatever the statistics say.
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  most_pages CONSTANT bigint := 4096;
  most_missing CONSTANT bigint := 20000;
  answer jsonb := '[]';
  t record;
  heap bigint;
  toast bigint;
  indexed bigint;
  pages bigint;
  counted bigint;
  missing bigint;
  estimate bigint;
  sized boolean;
BEGIN
  FOR t IN
    SELECT c.oid, c.relname, c.reltuples, c.relpages, c.reltoastrelid, s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
           s.n_ins_since_vacuum, s.seq_scan, coalesce(st.null_frac, 0)::numeric AS null_frac, io.heap_blks_hit, io.heap_blks_read, io.toast_blks_hit, io.toast_blks_read,
           extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)) AS vacuum_age,
           extract(epoch FROM clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze)) AS analyze_age
      FROM pg_class AS c
      LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
      LEFT JOIN pg_statio_all_tables AS io ON io.relid = c.oid
      LEFT JOIN pg_stats AS st ON st.schemaname = 'public' AND st.tablename = c.relname AND st.attname = 'embedding'
     WHERE c.relnamespace = 'public'::regnamespace
       AND c.relname IN ('test_documents', 'test_steps')
     ORDER BY c.relname
  LOOP
    BEGIN
      heap := pg_relation_size(t.oid) + pg_relation_size(t.oid, 'fsm') + pg_relation_size(t.oid, 'vm');
      pages := pg_relation_size(t.oid) / current_setting('block_size')::bigint;
      toast := coalesce(pg_total_relation_size(nullif(t.reltoastrelid, 0)), 0);
      indexed := pg_indexes_size(t.oid);
      counted := NULL;
      missing := NULL;
      IF pages <= most_pages THEN
        EXECUTE format('SELECT count(*) FROM public.%I', t.relname) INTO counted;
      END IF;
      IF pages <= most_pages OR to_regclass(format('public.idx_%s_without_embedding', t.relname)) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM (SELECT FROM public.%I WHERE embedding IS NULL LIMIT %s) AS bounded', t.relname, most_missing + 1)
           INTO missing;
      END IF;
      sized := true;
    EXCEPTION WHEN lock_not_available THEN
      -- What the catalogue remembers is better than nothing, and says itself that it is.
      heap := t.relpages * current_setting('block_size')::bigint;
      pages := t.relpages;
      toast := NULL;
      indexed := NULL;
      counted := NULL;
      missing := NULL;
      sized := false;
    END;
    estimate := CASE
      WHEN t.reltuples >= 0 AND t.relpages > 0 THEN round((t.reltuples / t.relpages * pages)::numeric)
      ELSE t.n_live_tup
    END;
    answer := answer || jsonb_build_object(
      'name', t.relname,
      'locked', NOT sized,
      'heapBytes', heap,
      'toastBytes', toast,
      'indexBytes', indexed,
      'rows', coalesce(counted, estimate),
      'rowsEstimated', counted IS NULL,
      'missingEmbeddings', CASE WHEN missing <= most_missing THEN missing ELSE round(t.null_frac * coalesce(counted, estimate)) END,
      'missingEstimated', missing IS NULL OR missing > most_missing,
      'deadRows', t.n_dead_tup,
      'changedSinceAnalyze', t.n_mod_since_analyze,
      'insertedSinceVacuum', t.n_ins_since_vacuum,
      'vacuumAgeSeconds', round(t.vacuum_age),
      'analyzeAgeSeconds', round(t.analyze_age),
      'sequentialScans', t.seq_scan,
      'blocksHit', t.heap_blks_hit,
      'blocksRead', t.heap_blks_read,
      'toastBlocksHit', t.toast_blks_hit,
      'toastBlocksRead', t.toast_blks_read
    );
  END LOOP;
  RETURN answer;
END
$$;

-- Indexes of the application's tables, vector indexes with their storage parameters.
CREATE FUNCTION qbench.snapshot_indexes()
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '50ms'
SET jit = off
AS $$
DECLARE
  answer jsonb := '[]';
  x record;
  bytes bigint;
BEGIN
  FOR x IN
    SELECT c.oid, c.relname, c.relpages, c.reltuples, c.reloptions, tab.relname AS table_name, am.amname, oc.opcname,
           i.indisvalid AND i.indisready AS valid, i.indisunique, s.idx_scan, io.idx_blks_hit, io.idx_blks_read,
           EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid) AS building
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid
      JOIN pg_class AS tab ON tab.oid = i.indrelid
      JOIN pg_am AS am ON am.oid = c.relam
      JOIN pg_opclass AS oc ON oc.oid = i.indclass[0]
      LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = c.oid
      LEFT JOIN pg_statio_all_indexes AS io ON io.indexrelid = c.oid
     WHERE tab.relnamespace = 'public'::regnamespace
       AND tab.relname IN ('test_documents', 'test_steps')
     ORDER BY tab.relname, c.relname
  LOOP
    BEGIN
      bytes := pg_relation_size(x.oid);
    EXCEPTION WHEN lock_not_available THEN
      bytes := x.relpages * current_setting('block_size')::bigint;
    END;
    answer := answer || jsonb_strip_nulls(jsonb_build_object(
      'name', x.relname,
      'table', x.table_name,
      'method', x.amname,
      'valid', x.valid,
      'building', x.building,
      'unique', x.indisunique,
      'bytes', bytes,
      'scans', x.idx_scan,
      'blocksHit', x.idx_blks_hit,
      'blocksRead', x.idx_blks_read,
      'operatorClass', CASE WHEN x.amname IN ('hnsw', 'ivfflat') THEN x.opcname END,
      'options', CASE WHEN x.amname IN ('hnsw', 'ivfflat') THEN to_jsonb(x.reloptions) END
    ));
  END LOOP;
  RETURN answer;
END
$$;

-- Who is connected, and who holds up whom. Work that takes long by nature (index builds, VACUUM, COPY, base backups) does not count
-- as a long statement or transaction.
CREATE FUNCTION qbench.snapshot_sessions()
RETURNS jsonb
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
  WITH maintenance AS (
    SELECT p.pid FROM pg_stat_progress_create_index AS p
    UNION SELECT p.pid FROM pg_stat_progress_vacuum AS p
    UNION SELECT p.pid FROM pg_stat_progress_cluster AS p
    UNION SELECT p.pid FROM pg_stat_progress_copy AS p
    UNION SELECT p.pid FROM pg_stat_progress_analyze AS p
  ),
  client AS MATERIALIZED (
    SELECT a.pid, a.usename AS role, a.application_name AS application, a.state, a.wait_event_type,
           coalesce(a.state LIKE 'idle in transaction%', false) AS idle,
           extract(epoch FROM clock_timestamp() - a.xact_start) AS transaction_seconds,
           extract(epoch FROM clock_timestamp() - a.query_start) AS statement_seconds,
           extract(epoch FROM clock_timestamp() - a.state_change) AS state_seconds,
           EXISTS (SELECT FROM maintenance AS m WHERE m.pid = a.pid) AS maintenance
      FROM pg_stat_activity AS a
     WHERE a.backend_type = 'client backend'
  ),
  other AS (SELECT c.* FROM client AS c WHERE c.pid <> pg_backend_pid()),
  waiting AS MATERIALIZED (
    SELECT o.pid, o.role, o.application, pg_blocking_pids(o.pid) AS blocked_by,
           (SELECT extract(epoch FROM clock_timestamp() - min(l.waitstart)) FROM pg_locks AS l WHERE l.pid = o.pid AND NOT l.granted)
             AS seconds
      FROM other AS o
     WHERE o.wait_event_type = 'Lock'
  )
  SELECT jsonb_build_object(
    'used', (SELECT count(*) FROM client AS c),
    'limit', current_setting('max_connections')::integer,
    'reserved', current_setting('reserved_connections')::integer + current_setting('superuser_reserved_connections')::integer,
    'active', (SELECT count(*) FROM other AS o WHERE o.state = 'active'),
    'by', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'state', g.state, 'count', g.count) ORDER BY g.count DESC), '[]')
        FROM (SELECT c.role, coalesce(c.state, 'unknown') AS state, count(*) AS count FROM client AS c GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20) AS g
    ),
    'roles', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('role', r.rolname, 'used', r.used, 'limit', r.rolconnlimit) ORDER BY r.rolname), '[]')
        FROM (
               SELECT ro.rolname, ro.rolconnlimit, (SELECT count(*) FROM client AS c WHERE c.role = ro.rolname) AS used
                 FROM pg_roles AS ro
                WHERE ro.rolcanlogin AND ro.rolconnlimit > 0
                LIMIT 20
             ) AS r
    ),
    'idleInTransaction', (SELECT count(*) FROM other AS o WHERE o.idle),
    'longestIdleInTransaction', (
      SELECT jsonb_build_object('pid', o.pid, 'role', o.role, 'application', o.application, 'seconds', round(o.state_seconds, 1))
        FROM other AS o WHERE o.idle ORDER BY o.state_seconds DESC LIMIT 1
    ),
    'longestTransaction', (
      SELECT jsonb_build_object('pid', o.pid, 'role', o.role, 'application', o.application, 'seconds', round(o.transaction_seconds, 1))
        FROM other AS o WHERE NOT o.maintenance AND o.transaction_seconds IS NOT NULL ORDER BY o.transaction_seconds DESC LIMIT 1
    ),
    'longestQuery', (
      SELECT jsonb_build_object('pid', o.pid, 'role', o.role, 'application', o.application, 'seconds', round(o.statement_seconds, 1))
        FROM other AS o WHERE NOT o.maintenance AND o.state = 'active' AND o.statement_seconds IS NOT NULL
       ORDER BY o.statement_seconds DESC LIMIT 1
    ),
    'waiting', (SELECT count(*) FROM waiting AS w),
    'blocked', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
               'pid', w.pid, 'role', w.role, 'application', w.application, 'seconds', round(coalesce(w.seconds, 0), 1),
               'blockedBy', to_jsonb(w.blocked_by)) ORDER BY w.seconds DESC NULLS LAST), '[]')
        FROM (SELECT v.* FROM waiting AS v ORDER BY v.seconds DESC NULLS LAST LIMIT 10) AS w
    ),
    'blockers', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
               'pid', b.pid, 'role', b.role, 'application', b.application, 'state', b.state, 'blocks', b.blocks,
               'seconds', round(coalesce(b.transaction_seconds, 0), 1)) ORDER BY b.blocks DESC), '[]')
        FROM (
               SELECT o.*, (SELECT count(*) FROM waiting AS w WHERE o.pid = ANY (w.blocked_by)) AS blocks
                 FROM other AS o
                WHERE EXISTS (SELECT FROM waiting AS w WHERE o.pid = ANY (w.blocked_by))
                LIMIT 10
             ) AS b
    )
  )
$$;

-- WAL, checkpoints and archiving. atRiskSeconds is how many seconds of writes would at most be lost with the disk: an upper bound.
-- Where every finished segment is archived, a write older than archive_timeout would have been switched out and archived too.
CREATE FUNCTION qbench.snapshot_wal()
RETURNS jsonb
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
  WITH archive AS MATERIALIZED (
    SELECT current_setting('archive_mode') AS mode,
           a.archived_count, a.failed_count, a.last_archived_wal, a.last_failed_wal,
           coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL) AS failing,
           extract(epoch FROM clock_timestamp() - a.last_archived_time) AS archived_age,
           extract(epoch FROM clock_timestamp() - coalesce(a.last_archived_time, greatest(a.stats_reset, pg_postmaster_start_time()))) AS unarchived_age,
           (SELECT s.setting::numeric FROM pg_settings AS s WHERE s.name = 'archive_timeout') AS timeout,
           (SELECT count(*) FROM pg_ls_archive_statusdir() AS f WHERE f.name LIKE '%.ready') AS ready
      FROM pg_stat_archiver AS a
  )
  SELECT jsonb_build_object(
    'wal', jsonb_build_object(
      'lsnBytes', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn() - '0/0'::pg_lsn END,
      'directoryBytes', (SELECT sum(f.size) FROM pg_ls_waldir() AS f),
      'maxWalSizeBytes', (SELECT s.setting::bigint * 1048576 FROM pg_settings AS s WHERE s.name = 'max_wal_size')
    ),
    'checkpoints', (
      SELECT jsonb_build_object('timed', c.num_timed, 'requested', c.num_requested, 'writeMs', round(c.write_time), 'syncMs', round(c.sync_time))
        FROM pg_stat_checkpointer AS c
    ),
    'slots', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('name', r.slot_name, 'active', r.active, 'retainedBytes', r.retained) ORDER BY r.retained DESC), '[]')
        FROM (
               SELECT s.slot_name, s.active,
                      CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() - s.restart_lsn END AS retained
                 FROM pg_replication_slots AS s
                ORDER BY 3 DESC NULLS LAST
                LIMIT 10
             ) AS r
    ),
    'archiver', (
      SELECT jsonb_build_object(
        'mode', a.mode,
        'archived', a.archived_count,
        'failed', a.failed_count,
        'failing', a.failing AND a.mode <> 'off',
        'lastArchivedWal', a.last_archived_wal,
        'lastFailedWal', a.last_failed_wal,
        'lastArchivedAgeSeconds', round(a.archived_age, 1),
        'readySegments', a.ready,
        'atRiskSeconds', CASE
          WHEN a.mode = 'off' THEN NULL
          WHEN a.ready = 0 AND NOT a.failing AND a.timeout > 0 THEN round(least(a.unarchived_age, a.timeout), 1)
          ELSE round(a.unarchived_age, 1)
        END
      )
        FROM archive AS a
    )
  )
$$;

CREATE FUNCTION qbench.snapshot()
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
  begun CONSTANT timestamptz := clock_timestamp();
  statements jsonb;
  answer jsonb;
BEGIN
  BEGIN
    -- The normalised texts hold $1 where values were. Without the library in shared_preload_libraries the view raises an error.
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'query', left(regexp_replace(q.query, '\s+', ' ', 'g'), 240), 'calls', q.calls, 'meanMs', round(q.mean_exec_time::numeric, 3),
             'maxMs', round(q.max_exec_time::numeric, 3), 'totalMs', round(q.total_exec_time::numeric), 'rows', q.rows,
             'blocksHit', q.shared_blks_hit, 'blocksRead', q.shared_blks_read) ORDER BY q.total_exec_time DESC), '[]')
      INTO statements
      FROM (
             SELECT s.*
               FROM public.pg_stat_statements AS s
              WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                AND s.query ~ '<=>|<->|<#>|<~>|hybrid_search|search_steps'
                AND s.query ~* '^\s*(SELECT|WITH)'
              ORDER BY s.total_exec_time DESC
              LIMIT 5
           ) AS q;
  EXCEPTION WHEN object_not_in_prerequisite_state OR undefined_table THEN
    statements := NULL;
  END;
  SELECT jsonb_build_object(
    'version', 1,
    'at', to_char(begun AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'server', jsonb_build_object(
      'versionNum', current_setting('server_version_num')::integer,
      'uptimeSeconds', round(extract(epoch FROM begun - pg_postmaster_start_time())),
      'inRecovery', pg_is_in_recovery(),
      'pgvector', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'vector'),
      'sharedBuffersBytes', pg_size_bytes(current_setting('shared_buffers'))
    ),
    'database', (
      SELECT jsonb_build_object(
        'name', d.datname,
        'bytes', pg_database_size(d.datname),
        'allDatabasesBytes', (SELECT sum(pg_database_size(o.oid)) FROM pg_database AS o),
        'checksumFailures', d.checksum_failures,
        'deadlocks', d.deadlocks,
        'temporaryBytes', d.temp_bytes,
        'statisticsAgeSeconds', round(extract(epoch FROM begun - d.stats_reset))
      )
        FROM pg_stat_database AS d
       WHERE d.datname = current_database()
    ),
    'tables', qbench.snapshot_tables(),
    'indexes', qbench.snapshot_indexes(),
    'sessions', qbench.snapshot_sessions(),
    'transactionIds', (
      SELECT jsonb_build_object(
        'oldestAge', max(age(d.datfrozenxid)),
        'oldestDatabase', (array_agg(d.datname ORDER BY age(d.datfrozenxid) DESC))[1],
        'databaseAge', max(age(d.datfrozenxid)) FILTER (WHERE d.datname = current_database()),
        'multixactAge', max(mxid_age(d.datminmxid)),
        'freezeMaxAge', current_setting('autovacuum_freeze_max_age')::bigint
      )
        FROM pg_database AS d
    ),
    'statements', statements,
    -- Values that a session or a role has set for itself say nothing of the server.
    'parameters', (
      SELECT jsonb_object_agg(s.name, coalesce(s.reset_val, s.setting))
        FROM pg_settings AS s
       WHERE s.source IN ('configuration file', 'command line', 'environment variable')
         AND s.name !~ '^(ssl_|unix_socket_|data_directory|config_file|hba_file|ident_file|external_pid_file|archive_command|restore_command|lc_|log_line_prefix)'
    ),
    'pendingRestart', (SELECT coalesce(jsonb_agg(s.name ORDER BY s.name), '[]') FROM pg_settings AS s WHERE s.pending_restart)
  ) || qbench.snapshot_wal() INTO answer;
  RETURN answer || jsonb_build_object('elapsedMs', round(extract(epoch FROM clock_timestamp() - begun) * 1000, 1));
END
$$;

COMMENT ON FUNCTION qbench.snapshot() IS 'State of the database, its server and its WAL as one JSON object; for the monitor role.';
COMMENT ON FUNCTION qbench.snapshot_tables() IS 'Part of qbench.snapshot().';
COMMENT ON FUNCTION qbench.snapshot_indexes() IS 'Part of qbench.snapshot().';
COMMENT ON FUNCTION qbench.snapshot_sessions() IS 'Part of qbench.snapshot().';
COMMENT ON FUNCTION qbench.snapshot_wal() IS 'Part of qbench.snapshot().';

-- SECURITY INVOKER all of them: what the monitor role may see comes from pg_monitor, and nobody gets more through a function.
REVOKE ALL ON FUNCTION qbench.snapshot(), qbench.snapshot_tables(), qbench.snapshot_indexes(), qbench.snapshot_sessions(),
  qbench.snapshot_wal() FROM PUBLIC;
GRANT USAGE ON SCHEMA qbench TO qbench_monitor;
GRANT EXECUTE ON FUNCTION qbench.snapshot(), qbench.snapshot_tables(), qbench.snapshot_indexes(), qbench.snapshot_sessions(),
  qbench.snapshot_wal() TO qbench_monitor;
