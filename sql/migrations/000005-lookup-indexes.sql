-- Look-ups by one value. The tables are new and empty here, so plain CREATE INDEX blocks nobody.
-- test_case_id and uid have the indexes of their unique constraints.
-- squawk-ignore-file require-concurrent-index-creation

CREATE INDEX idx_test_documents_jira_key ON public.test_documents (jira_key);
CREATE INDEX idx_test_documents_priority ON public.test_documents (priority);
CREATE INDEX idx_test_documents_test_type ON public.test_documents (test_type);
CREATE INDEX idx_test_documents_suite_id ON public.test_documents (suite_id);
CREATE INDEX idx_test_documents_section_id ON public.test_documents (section_id);
CREATE INDEX idx_test_documents_project_id ON public.test_documents (project_id);
