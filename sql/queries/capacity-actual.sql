-- How large is each relation of the application, maps included? For the capacity plan beside what is there.
SELECT t.relname AS table_name,
       part.kind,
       part.name,
       part.bytes::bigint AS bytes,
       part.method,
       part.options,
       part.opclass
  FROM pg_catalog.pg_class AS t
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
 CROSS JOIN LATERAL (
       SELECT 'heap' AS kind,
              'heap' AS name,
              pg_catalog.pg_relation_size(t.oid) + pg_catalog.pg_relation_size(t.oid, 'fsm')
                + pg_catalog.pg_relation_size(t.oid, 'vm') AS bytes,
              NULL::text AS method,
              NULL::text[] AS options,
              NULL::text AS opclass
       UNION ALL
       SELECT 'toast',
              'toast',
              pg_catalog.pg_relation_size(t.reltoastrelid) + pg_catalog.pg_relation_size(t.reltoastrelid, 'fsm')
                + pg_catalog.pg_relation_size(t.reltoastrelid, 'vm'),
              NULL,
              NULL,
              NULL
        WHERE t.reltoastrelid <> 0
       UNION ALL
       SELECT 'toast',
              'toast index',
              pg_catalog.pg_relation_size(i.indexrelid),
              NULL,
              NULL,
              NULL
         FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = t.reltoastrelid
       UNION ALL
       SELECT CASE WHEN am.amname IN ('hnsw', 'ivfflat') THEN 'vector index' ELSE am.amname END,
              CASE
                WHEN am.amname IN ('hnsw', 'ivfflat') THEN 'embedding'
                ELSE (SELECT pg_catalog.string_agg(a.attname, ', ' ORDER BY a.attnum)
                        FROM pg_catalog.pg_attribute AS a
                       WHERE a.attrelid = i.indexrelid)
              END,
              pg_catalog.pg_relation_size(i.indexrelid) + pg_catalog.pg_relation_size(i.indexrelid, 'fsm'),
              am.amname,
              c.reloptions,
              oc.opcname
         FROM pg_catalog.pg_index AS i
         JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
         JOIN pg_catalog.pg_opclass AS oc ON oc.oid = i.indclass[0]
        WHERE i.indrelid = t.oid
       ) AS part
 WHERE n.nspname = 'public'
   AND t.relname IN ('test_documents', 'test_steps')
 ORDER BY t.relname, part.kind, part.name;
