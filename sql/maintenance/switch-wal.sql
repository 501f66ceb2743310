-- Finishes the WAL segment that is being written, so that it is archived now, and tells its name.
-- A record is written before: a switch right after another one would do nothing.
SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_create_restore_point('qbench check')) AS segment,
       pg_catalog.pg_switch_wal();
