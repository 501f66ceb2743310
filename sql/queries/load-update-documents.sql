-- Updates the documents of the staged lines: a value that the line does not have stays as it is. Documents that would not change are
-- not touched, so loading a file again leaves no dead rows in the HNSW index.
-- after: queries/load-staging
-- writes
UPDATE public.test_documents AS d
   SET test_case_id = coalesce(s.test_case_id, d.test_case_id),
       uid = s.uid,
       jira_key = coalesce(s.jira_key, d.jira_key),
       title = s.title,
       description = coalesce(s.description, d.description),
       summary = coalesce(s.summary, d.summary),
       embedding = coalesce(s.embedding, d.embedding),
       test_type = coalesce(s.test_type, d.test_type),
       priority = coalesce(s.priority, d.priority),
       platforms = coalesce(s.platforms, d.platforms),
       tags = coalesce(s.tags, d.tags),
       folder_structure = coalesce(s.folder_structure, d.folder_structure),
       suite_id = coalesce(s.suite_id, d.suite_id),
       section_id = coalesce(s.section_id, d.section_id),
       project_id = coalesce(s.project_id, d.project_id),
       source = coalesce(s.source, d.source),
       ingested_at = coalesce(s.ingested_at, d.ingested_at),
       is_automated = coalesce(s.is_automated, d.is_automated),
       refs = coalesce(s.refs, d.refs),
       custom_fields = coalesce(s.custom_fields, d.custom_fields)
  FROM load_documents AS s
 WHERE d.id = s.document_id
   AND (
     d.uid <> s.uid
     OR d.title <> s.title
     OR s.test_case_id <> d.test_case_id
     OR (s.jira_key IS NOT NULL AND d.jira_key IS DISTINCT FROM s.jira_key)
     OR (s.description IS NOT NULL AND d.description IS DISTINCT FROM s.description)
     OR (s.summary IS NOT NULL AND d.summary IS DISTINCT FROM s.summary)
     OR (s.embedding IS NOT NULL AND (d.embedding IS NULL OR d.embedding OPERATOR(public.<>) s.embedding))
     OR (s.test_type IS NOT NULL AND d.test_type IS DISTINCT FROM s.test_type)
     OR (s.priority IS NOT NULL AND d.priority IS DISTINCT FROM s.priority)
     OR (s.platforms IS NOT NULL AND d.platforms IS DISTINCT FROM s.platforms)
     OR (s.tags IS NOT NULL AND d.tags IS DISTINCT FROM s.tags)
     OR (s.folder_structure IS NOT NULL AND d.folder_structure IS DISTINCT FROM s.folder_structure)
     OR (s.suite_id IS NOT NULL AND d.suite_id IS DISTINCT FROM s.suite_id)
     OR (s.section_id IS NOT NULL AND d.section_id IS DISTINCT FROM s.section_id)
     OR (s.project_id IS NOT NULL AND d.project_id IS DISTINCT FROM s.project_id)
     OR (s.source IS NOT NULL AND d.source IS DISTINCT FROM s.source)
     OR (s.ingested_at IS NOT NULL AND d.ingested_at IS DISTINCT FROM s.ingested_at)
     OR (s.is_automated IS NOT NULL AND d.is_automated IS DISTINCT FROM s.is_automated)
     OR (s.refs IS NOT NULL AND d.refs IS DISTINCT FROM s.refs)
     OR (s.custom_fields IS NOT NULL AND d.custom_fields IS DISTINCT FROM s.custom_fields)
   );
