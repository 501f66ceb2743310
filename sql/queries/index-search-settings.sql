-- Which search parameters does a new session of this database start with? NULL where the database sets none.
SELECT (SELECT pg_catalog.split_part(c, '=', 2)
          FROM pg_catalog.unnest(s.setconfig) AS c
         WHERE pg_catalog.split_part(c, '=', 1) = 'hnsw.ef_search') AS ef_search,
       (SELECT pg_catalog.split_part(c, '=', 2)
          FROM pg_catalog.unnest(s.setconfig) AS c
         WHERE pg_catalog.split_part(c, '=', 1) = 'ivfflat.probes') AS probes
  FROM pg_catalog.pg_database AS d
  LEFT JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = d.oid AND s.setrole = 0
 WHERE d.datname = pg_catalog.current_database();
