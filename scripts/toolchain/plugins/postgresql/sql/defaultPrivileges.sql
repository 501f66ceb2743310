-- Default privileges of a grantee. $1: grantee oid (0: PUBLIC), $2: owner, $3: object type letter, $4: schema or null (all schemas)
SELECT COALESCE(array_agg(DISTINCT a.privilege_type ORDER BY a.privilege_type), '{}') AS privileges
  FROM pg_catalog.pg_default_acl d
 CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
 WHERE pg_catalog.pg_get_userbyid(d.defaclrole) = $2
   AND d.defaclobjtype::text = $3
   AND d.defaclnamespace = COALESCE((SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $4), 0)
   AND a.grantee = $1::oid
