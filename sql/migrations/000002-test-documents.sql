-- One row a test case. Types and defaults are the application's contract: serial, varchar and timestamp stay as they are.
-- squawk-ignore-file prefer-identity, prefer-text-field, prefer-timestamp-tz

CREATE TABLE public.test_documents (
  id serial PRIMARY KEY,
  test_case_id integer NOT NULL UNIQUE,
  uid varchar(255) NOT NULL UNIQUE,
  jira_key varchar(50),
  title text NOT NULL,
  description text,
  summary text,
  embedding public.vector(1536),
  test_type varchar(50),
  priority varchar(20),
  platforms text[],
  tags text[],
  folder_structure text,
  suite_id integer,
  section_id integer,
  project_id integer,
  source varchar(255),
  ingested_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now(),
  is_automated boolean DEFAULT false,
  refs text,
  custom_fields jsonb
);

COMMENT ON TABLE public.test_documents IS 'Test cases, one row each, with the embedding of the whole case.';
COMMENT ON COLUMN public.test_documents.test_case_id IS 'Number of the case in TestRail; batches are upserted by it.';
COMMENT ON COLUMN public.test_documents.uid IS 'Stable name of the case; the function upsert_test_document is keyed by it.';
COMMENT ON COLUMN public.test_documents.embedding IS
  'Embedding of title, summary and description; NULL until it was computed. NULL and zero vectors are not in the HNSW index.';
COMMENT ON COLUMN public.test_documents.folder_structure IS 'Path of folders in TestRail; searches filter by its beginning.';
COMMENT ON COLUMN public.test_documents.ingested_at IS 'When the row was first loaded, in the time zone of the session that loaded it.';
COMMENT ON COLUMN public.test_documents.updated_at IS 'When the row was last updated; kept by a trigger.';
