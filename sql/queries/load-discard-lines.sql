-- Takes lines out of the staged batch. $1: line numbers, bigint[].
DELETE FROM load_documents AS s WHERE s.line = ANY ($1::bigint[]);
