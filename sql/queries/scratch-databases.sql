-- Which databases of this server begin with a prefix?
-- parameters: $1 text
SELECT d.datname
  FROM pg_catalog.pg_database AS d
 WHERE pg_catalog.starts_with(d.datname::pg_catalog.text, $1::pg_catalog.text)
 ORDER BY d.datname;
