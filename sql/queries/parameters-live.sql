-- Every parameter of the running server: value in the parameter's own unit, where it came from, whether a restart is due.
-- reset_val is what a new session gets; setting would show what this session changed for itself.
SELECT
    name,
    coalesce(reset_val, setting, '') AS value,
    coalesce(unit, '') AS unit,
    context,
    source,
    pending_restart AS "pendingRestart"
FROM pg_catalog.pg_settings
ORDER BY name COLLATE "C";
