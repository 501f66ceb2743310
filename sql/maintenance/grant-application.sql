-- Gives the application's role, in a scratch database, the rights that `pulumi up` gives it in the real one.
-- Run as superuser, before the owner makes any table.
GRANT USAGE ON SCHEMA public TO qbench_app;

ALTER DEFAULT PRIVILEGES FOR ROLE qbench_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO qbench_app;

ALTER DEFAULT PRIVILEGES FOR ROLE qbench_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO qbench_app;
