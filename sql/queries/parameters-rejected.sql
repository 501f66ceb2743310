-- Lines of postgresql.conf, pg_hba.conf and pg_ident.conf, as they lie on disk now, that a reload would refuse.
-- A changed parameter that only waits for a restart reads "setting could not be applied" too, and is none of them.
SELECT pg_catalog.concat(coalesce(file.name || ': ', ''), file.error) AS line
FROM pg_catalog.pg_file_settings AS file
LEFT JOIN pg_catalog.pg_settings AS live ON live.name = file.name
WHERE file.error IS NOT NULL
  AND NOT (live.context IS NOT DISTINCT FROM 'postmaster' AND file.error = 'setting could not be applied')
UNION ALL
SELECT pg_catalog.format('pg_hba.conf line %s: %s', hba.line_number, hba.error)
FROM pg_catalog.pg_hba_file_rules AS hba
WHERE hba.error IS NOT NULL
UNION ALL
SELECT pg_catalog.format('pg_ident.conf line %s: %s', ident.line_number, ident.error)
FROM pg_catalog.pg_ident_file_mappings AS ident
WHERE ident.error IS NOT NULL;
