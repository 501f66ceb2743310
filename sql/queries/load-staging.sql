-- Where a batch waits that has rows which are in the database already. Only this session sees it; a commit empties it.
-- writes
CREATE TEMPORARY TABLE IF NOT EXISTS load_documents (
  line bigint PRIMARY KEY,
  -- The document that the line is about, once it is known.
  document_id integer,
  -- Used where the line names none.
  assigned_test_case_id integer NOT NULL,
  test_case_id integer,
  uid text NOT NULL,
  jira_key text,
  title text NOT NULL,
  description text,
  summary text,
  embedding public.vector,
  test_type text,
  priority text,
  platforms text[],
  tags text[],
  folder_structure text,
  suite_id integer,
  section_id integer,
  project_id integer,
  source text,
  ingested_at timestamp,
  updated_at timestamp,
  is_automated boolean,
  refs text,
  custom_fields jsonb
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE IF NOT EXISTS load_steps (
  line bigint NOT NULL,
  step_index integer NOT NULL,
  action text,
  expected text[],
  data text,
  embedding public.vector
) ON COMMIT DELETE ROWS;
