-- How many of these uids and test_case_ids are in the database already; none means that the batch is all new and can be copied
-- straight into the table. $1: uids, text[]; $2: test_case_ids, integer[].
-- parameters: $1 text[], $2 integer[]
SELECT (SELECT count(*) FROM public.test_documents AS d WHERE d.uid = ANY ($1::text[]))
     + (SELECT count(*) FROM public.test_documents AS d WHERE d.test_case_id = ANY ($2::integer[])) AS known;
