-- Inserts the staged lines whose document is new.
-- after: queries/load-staging
-- writes
INSERT INTO public.test_documents (
  test_case_id, uid, jira_key, title, description, summary, embedding, test_type, priority, platforms, tags, folder_structure,
  suite_id, section_id, project_id, source, ingested_at, updated_at, is_automated, refs, custom_fields
)
SELECT coalesce(s.test_case_id, s.assigned_test_case_id), s.uid, s.jira_key, s.title, s.description, s.summary, s.embedding, s.test_type,
       s.priority, s.platforms, s.tags, s.folder_structure, s.suite_id, s.section_id, s.project_id, s.source,
       coalesce(s.ingested_at, localtimestamp), coalesce(s.updated_at, localtimestamp), coalesce(s.is_automated, false), s.refs, s.custom_fields
  FROM load_documents AS s
 WHERE s.document_id IS NULL
 ORDER BY s.line;
