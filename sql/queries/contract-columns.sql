-- Which columns of the application's contract are missing or different? No row means that the contract is kept.
-- Columns that are not part of it may be added.
-- role: owner
WITH expected ("table", name, type, not_null, has_default) AS (
  VALUES
    ('test_documents', 'id', 'integer', true, true),
    ('test_documents', 'test_case_id', 'integer', true, false),
    ('test_documents', 'uid', 'character varying(255)', true, false),
    ('test_documents', 'jira_key', 'character varying(50)', false, false),
    ('test_documents', 'title', 'text', true, false),
    ('test_documents', 'description', 'text', false, false),
    ('test_documents', 'summary', 'text', false, false),
    ('test_documents', 'embedding', 'vector(1536)', false, false),
    ('test_documents', 'test_type', 'character varying(50)', false, false),
    ('test_documents', 'priority', 'character varying(20)', false, false),
    ('test_documents', 'platforms', 'text[]', false, false),
    ('test_documents', 'tags', 'text[]', false, false),
    ('test_documents', 'folder_structure', 'text', false, false),
    ('test_documents', 'suite_id', 'integer', false, false),
    ('test_documents', 'section_id', 'integer', false, false),
    ('test_documents', 'project_id', 'integer', false, false),
    ('test_documents', 'source', 'character varying(255)', false, false),
    ('test_documents', 'ingested_at', 'timestamp without time zone', false, true),
    ('test_documents', 'updated_at', 'timestamp without time zone', false, true),
    ('test_documents', 'is_automated', 'boolean', false, true),
    ('test_documents', 'refs', 'text', false, false),
    ('test_documents', 'custom_fields', 'jsonb', false, false),
    ('test_steps', 'id', 'integer', true, true),
    ('test_steps', 'test_document_id', 'integer', true, false),
    ('test_steps', 'step_index', 'integer', true, false),
    ('test_steps', 'action', 'text', false, false),
    ('test_steps', 'expected', 'text[]', false, false),
    ('test_steps', 'data', 'text', false, false),
    ('test_steps', 'embedding', 'vector(1536)', false, false)
),
found AS (
  SELECT c.relname AS "table",
         a.attname AS name,
         -- Unqualified whatever the search_path of the session is.
         pg_catalog.replace(pg_catalog.format_type(a.atttypid, a.atttypmod), 'public.', '') AS type,
         a.attnotnull AS not_null,
         a.atthasdef AS has_default
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
   WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
     AND a.attnum > 0
     AND NOT a.attisdropped
)
SELECT e."table" || '.' || e.name AS subject,
       pg_catalog.concat_ws(', ', e.type, CASE WHEN e.not_null THEN 'not null' END, CASE WHEN e.has_default THEN 'with a default' END) AS expected,
       CASE
         WHEN f.name IS NULL THEN 'none'
         ELSE pg_catalog.concat_ws(', ', f.type, CASE WHEN f.not_null THEN 'not null' END, CASE WHEN f.has_default THEN 'with a default' END)
       END AS found
  FROM expected AS e
  LEFT JOIN found AS f ON f."table" = e."table" AND f.name = e.name
 WHERE (f.type, f.not_null, f.has_default) IS DISTINCT FROM (e.type, e.not_null, e.has_default)
 ORDER BY e."table", e.name;
