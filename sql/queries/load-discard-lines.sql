-- Takes lines out of the staged batch. $1: line numbers, bigint[].
-- parameters: $1 bigint[]
-- after: queries/load-staging
-- writes
DELETE FROM load_documents AS s WHERE s.line = ANY ($1::bigint[]);
