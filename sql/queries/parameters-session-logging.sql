-- Whether the levels that sql/maintenance/session-logging.sql sets are in force.
SELECT
    coalesce(pg_catalog.bool_or(setdatabase = 0 AND setrole = 0 AND 'log_min_messages=log' = ANY (setconfig)), false)
    AND coalesce(pg_catalog.bool_or(setdatabase = 0 AND setrole = 10 AND 'log_min_messages=warning' = ANY (setconfig)), false)
    AS "inForce"
FROM pg_catalog.pg_db_role_setting;
