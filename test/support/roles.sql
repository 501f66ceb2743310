-- The roles, and their rights in one database, as the Pulumi program makes them. For tests that have no Pulumi engine.
-- Run as superuser in the database; more than once does no harm. Logins by the socket need no password.

DO $$
BEGIN
  IF pg_catalog.to_regrole('qbench_owner') IS NULL THEN CREATE ROLE qbench_owner LOGIN; END IF;
  IF pg_catalog.to_regrole('qbench_app') IS NULL THEN CREATE ROLE qbench_app LOGIN; END IF;
  IF pg_catalog.to_regrole('qbench_readonly') IS NULL THEN CREATE ROLE qbench_readonly LOGIN; END IF;
  IF pg_catalog.to_regrole('qbench_monitor') IS NULL THEN CREATE ROLE qbench_monitor LOGIN; END IF;
  IF pg_catalog.to_regrole('qbench_backup') IS NULL THEN CREATE ROLE qbench_backup LOGIN REPLICATION; END IF;
END
$$;

GRANT pg_monitor, pg_use_reserved_connections TO qbench_monitor;
GRANT pg_checkpoint, pg_read_all_data, pg_use_reserved_connections TO qbench_backup;

ALTER ROLE qbench_owner SET search_path = public;
ALTER ROLE qbench_app SET search_path = public;
ALTER ROLE qbench_readonly SET search_path = public;
ALTER ROLE qbench_monitor SET search_path = public;
ALTER ROLE qbench_backup SET search_path = public;
ALTER ROLE qbench_app SET statement_timeout = '120s';

CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO qbench_app, qbench_readonly, qbench_monitor, qbench_backup;

ALTER DEFAULT PRIVILEGES FOR ROLE qbench_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO qbench_app;
ALTER DEFAULT PRIVILEGES FOR ROLE qbench_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO qbench_app;
ALTER DEFAULT PRIVILEGES FOR ROLE qbench_owner IN SCHEMA public
  GRANT SELECT ON TABLES TO qbench_readonly, qbench_monitor;
