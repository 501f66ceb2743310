-- Whether a role is a member of another, and may grant that on. $1: member, $2: the granted role
SELECT bool_or(m.admin_option) AS with_admin_option
  FROM pg_catalog.pg_auth_members m
 WHERE pg_catalog.pg_get_userbyid(m.member) = $1
   AND pg_catalog.pg_get_userbyid(m.roleid) = $2
HAVING count(*) > 0
