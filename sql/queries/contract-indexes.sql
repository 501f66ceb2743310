-- Which look-ups and unique keys of the application's contract have no valid index? No row means that the contract is kept.
-- The vector indexes are the index lifecycle's (qbench index).
-- role: owner
WITH expected ("table", columns, method, is_unique) AS (
  VALUES
    ('test_documents', 'test_case_id', 'btree', true),
    ('test_documents', 'uid', 'btree', true),
    ('test_steps', 'test_document_id,step_index', 'btree', true),
    ('test_documents', 'jira_key', 'btree', false),
    ('test_documents', 'priority', 'btree', false),
    ('test_documents', 'test_type', 'btree', false),
    ('test_documents', 'suite_id', 'btree', false),
    ('test_documents', 'section_id', 'btree', false),
    ('test_documents', 'project_id', 'btree', false),
    ('test_documents', 'tags', 'gin', false),
    ('test_documents', 'platforms', 'gin', false),
    ('test_documents', 'custom_fields', 'gin', false),
    ('test_documents', 'title', 'gin', false),
    ('test_documents', 'description', 'gin', false)
),
found AS (
  SELECT t.relname AS "table",
         (
           SELECT pg_catalog.string_agg(a.attname, ',' ORDER BY k.place)
             FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
         ) AS columns,
         m.amname AS method,
         i.indisunique AS is_unique
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
   WHERE t.relnamespace = 'public'::pg_catalog.regnamespace
     AND i.indisvalid
     AND i.indpred IS NULL
)
SELECT e."table" || '(' || e.columns || ')' AS subject,
       CASE WHEN e.is_unique THEN 'unique ' ELSE '' END || e.method AS expected,
       'none' AS found
  FROM expected AS e
 WHERE NOT EXISTS (
         SELECT FROM found AS f
          WHERE f."table" = e."table" AND f.columns = e.columns AND f.method = e.method AND (f.is_unique OR NOT e.is_unique)
       )
 ORDER BY e."table", e.columns;
