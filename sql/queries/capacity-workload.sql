-- What does the database hold: rows, steps, embeddings, mean bytes of text? The input of a capacity plan for what is there.
SELECT d.documents,
       d.documents_embedded,
       d.title_bytes,
       d.description_bytes,
       d.text_bytes,
       s.steps,
       s.steps_embedded,
       s.documents_with_steps,
       s.step_text_bytes,
       COALESCE(d.dimensions, s.dimensions) AS dimensions,
       pg_catalog.pg_database_size(pg_catalog.current_database()) AS database_bytes
  FROM (SELECT pg_catalog.count(*) AS documents,
               pg_catalog.count(embedding) AS documents_embedded,
               COALESCE(pg_catalog.avg(pg_catalog.octet_length(title)), 0)::float8 AS title_bytes,
               COALESCE(pg_catalog.avg(COALESCE(pg_catalog.octet_length(description), 0)), 0)::float8 AS description_bytes,
               COALESCE(
                 pg_catalog.avg(
                   pg_catalog.octet_length(title) + COALESCE(pg_catalog.octet_length(description), 0)
                   + COALESCE(pg_catalog.octet_length(summary), 0) + COALESCE(pg_catalog.octet_length(refs), 0)
                   + COALESCE(pg_catalog.pg_column_size(custom_fields), 0)
                 ),
                 0
               )::float8 AS text_bytes,
               (SELECT public.vector_dims(x.embedding)
                  FROM public.test_documents AS x
                 WHERE x.embedding IS NOT NULL
                 LIMIT 1) AS dimensions
          FROM public.test_documents) AS d
 CROSS JOIN (SELECT pg_catalog.count(*) AS steps,
                    pg_catalog.count(embedding) AS steps_embedded,
                    pg_catalog.count(DISTINCT test_document_id) AS documents_with_steps,
                    COALESCE(
                      pg_catalog.avg(
                        COALESCE(pg_catalog.octet_length(action), 0)
                        + COALESCE(pg_catalog.pg_column_size(expected), 0)
                        + COALESCE(pg_catalog.octet_length(data), 0)
                      ),
                      0
                    )::float8 AS step_text_bytes,
                    (SELECT public.vector_dims(y.embedding)
                       FROM public.test_steps AS y
                      WHERE y.embedding IS NOT NULL
                      LIMIT 1) AS dimensions
               FROM public.test_steps) AS s;
