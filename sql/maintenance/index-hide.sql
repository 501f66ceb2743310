-- Hides indexes from the planner of this transaction only, so that one index of several over the same expression can be
-- explained and measured. Run it in a transaction that is always rolled back: other sessions never see the change, and
-- nothing remains. Needs a superuser.
-- parameters: $1 bigint[] (oids of the indexes)
UPDATE pg_catalog.pg_index
   SET indisvalid = false
 WHERE indexrelid = ANY ($1::pg_catalog.int8[]::pg_catalog.oid[]);
