-- An ERROR may quote what the client sent (`invalid input syntax for type vector: "[0.1, ..."`), so errors of clients go to
-- the client alone. Faults of the server itself stay in its log: background processes run with the file's `warning`, and
-- autovacuum runs as the superuser that initdb made.
ALTER ROLE ALL SET log_min_messages = 'log';
ALTER ROLE postgres SET log_min_messages = 'warning';
