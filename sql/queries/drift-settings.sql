-- Parameters set past the stack: by ALTER SYSTEM, by ALTER ROLE and by ALTER DATABASE.
-- role: superuser
SELECT 'ALTER SYSTEM' AS by, 'the server' AS target, s.name, s.setting AS value
  FROM pg_catalog.pg_file_settings AS s
 WHERE s.sourcefile LIKE '%/postgresql.auto.conf'
UNION ALL
SELECT CASE WHEN d.setrole <> 0 THEN 'ALTER ROLE' WHEN d.setdatabase <> 0 THEN 'ALTER DATABASE' ELSE 'ALTER ROLE ALL' END,
       coalesce(
         nullif(
           pg_catalog.concat_ws(
             ' in ',
             CASE WHEN d.setrole <> 0 THEN pg_catalog.pg_get_userbyid(d.setrole)::pg_catalog.text END,
             db.datname::pg_catalog.text
           ),
           ''
         ),
         'everybody'
       ),
       pg_catalog.split_part(c.entry, '=', 1),
       pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1)
  FROM pg_catalog.pg_db_role_setting AS d
  LEFT JOIN pg_catalog.pg_database AS db ON db.oid = d.setdatabase
  CROSS JOIN LATERAL pg_catalog.unnest(d.setconfig) AS c (entry)
 WHERE d.setdatabase = 0 OR db.datname = pg_catalog.current_database()
 ORDER BY 1, 2, 3;
