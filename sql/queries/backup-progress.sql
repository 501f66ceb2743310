-- How far is the base backup that runs now?
SELECT p.pid,
       p.phase,
       p.backup_streamed::pg_catalog.text AS streamed,
       p.backup_total::pg_catalog.text AS total
  FROM pg_catalog.pg_stat_progress_basebackup AS p
 ORDER BY p.pid
 LIMIT 1;
