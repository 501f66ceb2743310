-- What does the server say of itself and of its WAL archiving, for a backup?
-- Seconds at risk: age of the oldest WAL that is not in the repository. Segments that wait are counted from the last one that got
-- there; with none waiting, an idle server switches no segment, so only what is younger than archive_timeout can still be on its way.
SELECT s.system_identifier::pg_catalog.text AS system_identifier,
       pg_catalog.current_setting('server_version') AS postgres_version,
       pg_catalog.current_setting('archive_mode') AS archive_mode,
       (SELECT pg_catalog.sum(pg_catalog.pg_database_size(d.oid)) FROM pg_catalog.pg_database AS d)::pg_catalog.text AS database_bytes,
       pg_catalog.to_regrole('qbench_backup') IS NOT NULL AS has_backup_role,
       pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) AS current_wal,
       a.failed_count::pg_catalog.text AS failed_count,
       a.last_failed_wal,
       a.last_failed_time,
       a.last_archived_wal,
       w.waiting::pg_catalog.int4 AS waiting,
       CASE
         WHEN w.waiting > 0 THEN EXTRACT(EPOCH FROM pg_catalog.now() - COALESCE(LEAST(a.last_archived_time, w.oldest), w.oldest))
         WHEN EXTRACT(EPOCH FROM pg_catalog.now() - a.last_archived_time) <= 1.5 * t.setting::pg_catalog.float8
           THEN EXTRACT(EPOCH FROM pg_catalog.now() - a.last_archived_time)
         ELSE 0
       END::pg_catalog.float8 AS seconds_at_risk
  FROM pg_catalog.pg_control_system() AS s,
       pg_catalog.pg_settings AS t,
       pg_catalog.pg_stat_archiver AS a,
       (SELECT pg_catalog.count(*) AS waiting, pg_catalog.min(f.modification) AS oldest
          FROM pg_catalog.pg_ls_archive_statusdir() AS f
         WHERE f.name ~ '\.ready$') AS w
 WHERE t.name = 'archive_timeout';
