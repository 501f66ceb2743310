-- One document, inserted or updated by its uid.

CREATE FUNCTION public.upsert_test_document(
  p_test_case_id integer,
  p_uid varchar,
  p_title text,
  p_embedding public.vector(1536),
  p_jira_key varchar DEFAULT NULL,
  p_description text DEFAULT NULL,
  p_summary text DEFAULT NULL,
  p_test_type varchar DEFAULT NULL,
  p_priority varchar DEFAULT NULL,
  p_platforms text[] DEFAULT NULL,
  p_tags text[] DEFAULT NULL,
  p_folder_structure text DEFAULT NULL,
  p_suite_id integer DEFAULT NULL,
  p_section_id integer DEFAULT NULL,
  p_project_id integer DEFAULT NULL,
  p_source varchar DEFAULT NULL,
  p_is_automated boolean DEFAULT NULL,
  p_refs text DEFAULT NULL,
  p_custom_fields jsonb DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  document_id integer;
BEGIN
  -- The insert below must pass NOT NULL before it can meet the row that is there, so what must not be NULL is taken from that row.
  IF p_test_case_id IS NULL OR p_title IS NULL THEN
    SELECT coalesce(p_test_case_id, d.test_case_id), coalesce(p_title, d.title)
      INTO p_test_case_id, p_title
      FROM test_documents AS d
     WHERE d.uid = p_uid;
  END IF;

  INSERT INTO test_documents AS d (
    test_case_id, uid, title, embedding, jira_key, description, summary, test_type, priority, platforms, tags,
    folder_structure, suite_id, section_id, project_id, source, is_automated, refs, custom_fields
  )
  VALUES (
    p_test_case_id, p_uid, p_title, p_embedding, p_jira_key, p_description, p_summary, p_test_type, p_priority, p_platforms, p_tags,
    p_folder_structure, p_suite_id, p_section_id, p_project_id, p_source, coalesce(p_is_automated, false), p_refs, p_custom_fields
  )
  ON CONFLICT (uid) DO UPDATE SET
    test_case_id = EXCLUDED.test_case_id,
    title = EXCLUDED.title,
    embedding = coalesce(EXCLUDED.embedding, d.embedding),
    jira_key = coalesce(EXCLUDED.jira_key, d.jira_key),
    description = coalesce(EXCLUDED.description, d.description),
    summary = coalesce(EXCLUDED.summary, d.summary),
    test_type = coalesce(EXCLUDED.test_type, d.test_type),
    priority = coalesce(EXCLUDED.priority, d.priority),
    platforms = coalesce(EXCLUDED.platforms, d.platforms),
    tags = coalesce(EXCLUDED.tags, d.tags),
    folder_structure = coalesce(EXCLUDED.folder_structure, d.folder_structure),
    suite_id = coalesce(EXCLUDED.suite_id, d.suite_id),
    section_id = coalesce(EXCLUDED.section_id, d.section_id),
    project_id = coalesce(EXCLUDED.project_id, d.project_id),
    source = coalesce(EXCLUDED.source, d.source),
    -- EXCLUDED holds false where nothing was given.
    is_automated = coalesce(p_is_automated, d.is_automated),
    refs = coalesce(EXCLUDED.refs, d.refs),
    custom_fields = coalesce(EXCLUDED.custom_fields, d.custom_fields)
  RETURNING d.id INTO document_id;
  RETURN document_id;
END
$$;

COMMENT ON FUNCTION public.upsert_test_document(
  integer, varchar, text, public.vector, varchar, text, text, varchar, varchar, text[], text[], text, integer, integer, integer,
  varchar, boolean, text, jsonb
) IS 'Inserts the document of a uid, or updates it; where the new value is NULL the old one stays. Returns its id.';
