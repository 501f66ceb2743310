-- Which index builds run in this database, how far are they, and whom do they wait for?
-- Columns of other roles' sessions are NULL for a role without pg_read_all_stats.
SELECT p.pid,
       c.relname AS name,
       t.relname AS "table",
       p.command,
       p.phase,
       p.lockers_total,
       p.lockers_done,
       p.current_locker_pid,
       p.blocks_total,
       p.blocks_done,
       p.tuples_total,
       p.tuples_done,
       coalesce(w.workers, 0)::pg_catalog.int4 AS workers,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() - a.query_start)::pg_catalog.float8 AS running_seconds
  FROM pg_catalog.pg_stat_progress_create_index AS p
  JOIN pg_catalog.pg_class AS t ON t.oid = p.relid
  LEFT JOIN pg_catalog.pg_class AS c ON c.oid = p.index_relid
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.pid
  LEFT JOIN LATERAL (
         SELECT pg_catalog.count(*) AS workers
           FROM pg_catalog.pg_stat_activity AS w
          WHERE w.leader_pid = p.pid
       ) AS w ON true
 WHERE p.datname = pg_catalog.current_database();
