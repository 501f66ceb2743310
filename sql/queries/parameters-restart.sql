-- Parameters whose value on disk differs from the running one and can only change at a start of the server:
-- those the file changed, those it lost, and those that an earlier reload left pending.
SELECT live.name
FROM pg_catalog.pg_settings AS live
LEFT JOIN pg_catalog.pg_file_settings AS file ON file.name = live.name
WHERE live.context = 'postmaster'
  AND (
    (file.name IS NOT NULL AND NOT file.applied)
    OR (file.name IS NULL AND live.source = 'configuration file')
  )
ORDER BY live.name;
