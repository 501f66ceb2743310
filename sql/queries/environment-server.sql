-- The server and this session: version, who is asking, and parameters whose value matters. Parameters that this server does not have
-- are absent; those that the role may not see are NULL.
SELECT pg_catalog.current_setting('server_version_num')::integer AS version_num,
       pg_catalog.current_setting('server_version') AS version,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       current_user AS role_name,
       (SELECT pg_catalog.jsonb_object_agg(s.name, s.setting || coalesce(s.unit, ''))
          FROM pg_catalog.pg_settings AS s
         WHERE s.name IN (
           'data_checksums', 'fsync', 'full_page_writes', 'password_encryption', 'shared_preload_libraries',
           'log_parameter_max_length', 'log_parameter_max_length_on_error', 'autovacuum', 'track_counts'
         )) AS parameters;
