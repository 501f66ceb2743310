-- Loads of files, newest last, with how they ended.
-- role: owner
SELECT l.file_name AS file,
       pg_catalog.to_char(l.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
       l.finished_at IS NOT NULL AS finished,
       l.inserted,
       l.updated,
       l.rejected,
       l.steps
  FROM qbench.load_ledger AS l
 ORDER BY l.started_at;
