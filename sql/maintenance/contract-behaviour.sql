-- Loads a handful of sample rows and asks of them what the application relies on; the first thing that is not so raises.
-- Run as the application's role in a scratch database with empty tables. Needs no vector index.
-- role: app
DO $$
DECLARE
  near public.vector := ('[1' || repeat(',0', 1535) || ']')::public.vector;
  middle public.vector := ('[1,1' || repeat(',0', 1534) || ']')::public.vector;
  far public.vector := ('[0,1' || repeat(',0', 1534) || ']')::public.vector;
  document integer;
  other integer;
  answer record;
  before timestamp;
  uids text[];
BEGIN
  EXECUTE 'CREATE EXTENSION IF NOT EXISTS vector';

  INSERT INTO test_documents (test_case_id, uid, title, embedding, priority, tags, platforms, folder_structure, custom_fields)
  VALUES
    (1, 'sample-1', 'Log in with a password', near, 'High', '{auth,smoke}', '{ios}', 'Accounts/Login', '{"owner": "qa"}'),
    (2, 'sample-2', 'Log in with a passkey', middle, 'Low', '{auth}', '{android}', 'Accounts/Login/Passkeys', NULL),
    (3, 'sample-3', 'Show the score', far, 'High', '{scores}', '{ios,android}', 'Games', NULL),
    (4, 'sample-4', 'Not embedded yet', NULL, 'High', '{auth}', '{ios}', 'Accounts/Login', NULL)
  ON CONFLICT (test_case_id) DO UPDATE SET title = EXCLUDED.title;

  SELECT d.id, d.updated_at INTO document, before FROM test_documents AS d WHERE d.uid = 'sample-1';
  INSERT INTO test_steps (test_document_id, step_index, action, expected, embedding)
  VALUES (document, 0, 'Open the app', '{"The form shows"}', far), (document, 1, 'Type the password', '{"It is hidden","It is accepted"}', near)
  ON CONFLICT (test_document_id, step_index) DO UPDATE SET action = EXCLUDED.action;

  uids := ARRAY(SELECT h.uid FROM hybrid_search(near, search_limit => 2) AS h);
  ASSERT uids = '{sample-1,sample-2}', 'hybrid_search orders by similarity and keeps its limit, got ' || uids::text;
  uids := ARRAY(SELECT h.uid FROM hybrid_search(near, filter_priority => 'High') AS h);
  ASSERT uids = '{sample-1,sample-3}', 'hybrid_search filters by priority, got ' || uids::text;
  uids := ARRAY(SELECT h.uid FROM hybrid_search(near, filter_tags => '{scores,none}') AS h);
  ASSERT uids = '{sample-3}', 'hybrid_search filters by overlap of tags, got ' || uids::text;
  uids := ARRAY(SELECT h.uid FROM hybrid_search(near, filter_platforms => '{android}') AS h);
  ASSERT uids = '{sample-2,sample-3}', 'hybrid_search filters by overlap of platforms, got ' || uids::text;
  uids := ARRAY(SELECT h.uid FROM hybrid_search(near, filter_folder => 'Accounts/Login/') AS h);
  ASSERT uids = '{sample-2}', 'hybrid_search filters by the beginning of the folder, got ' || uids::text;

  SELECT s.* INTO answer FROM search_steps(near, 1) AS s;
  ASSERT answer.test_document_id = document AND answer.step_index = 1 AND abs(answer.similarity - 1) < 1e-6, 'search_steps finds the nearest step';

  other := upsert_test_document(1, 'sample-1', NULL, NULL, p_description => 'With the right one', p_is_automated => true);
  ASSERT other = document, 'upsert_test_document updates the row of its uid';
  PERFORM upsert_test_document(1, 'sample-1', 'Log in', NULL);
  SELECT d.* INTO answer FROM test_documents AS d WHERE d.id = document;
  ASSERT answer.title = 'Log in' AND answer.description = 'With the right one' AND answer.is_automated AND answer.priority = 'High'
    AND answer.embedding = near AND answer.custom_fields = '{"owner": "qa"}', 'upsert_test_document keeps old values where the new ones are NULL';

  UPDATE test_documents SET updated_at = '2000-01-01' WHERE id = document;
  ASSERT (SELECT d.updated_at FROM test_documents AS d WHERE d.id = document) >= before, 'updated_at is set by every update';

  DELETE FROM test_documents WHERE id = document;
  ASSERT NOT EXISTS (SELECT FROM test_steps AS s WHERE s.test_document_id = document), 'steps are deleted with their document';
END
$$;
