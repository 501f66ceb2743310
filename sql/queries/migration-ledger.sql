-- Which migrations were applied, in order?
-- role: owner
SELECT m.name || '.sql' AS file,
       m.sha256,
       pg_catalog.to_char(m.run_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at,
       m.applied_by
  FROM qbench.migrations AS m
 ORDER BY m.id;
