-- The role by which the Pulumi program makes roles, the database and its objects on a host: no superuser, so that it may log in from
-- a network. It can give away only what stands here. Its password is set apart from this. Run as superuser; more than once does no harm.
DO $$
BEGIN
  IF pg_catalog.to_regrole('qbench_admin') IS NULL THEN CREATE ROLE qbench_admin; END IF;
END
$$;
ALTER ROLE qbench_admin LOGIN CREATEROLE CREATEDB REPLICATION NOSUPERUSER NOBYPASSRLS CONNECTION LIMIT 10;
-- As a member of each role that it makes it can make that role's database, and grant on it.
ALTER ROLE qbench_admin SET createrole_self_grant = 'set, inherit';
GRANT pg_monitor, pg_use_reserved_connections, pg_checkpoint, pg_read_all_data TO qbench_admin
  WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
