-- Is there an index of this name in schema public, and is it valid?
-- parameters: $1 text
-- role: owner
SELECT i.indisvalid AND i.indisready AS valid
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
   AND c.relname = $1::pg_catalog.name;
