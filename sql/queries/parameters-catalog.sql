-- Every parameter this server knows, with those of pg_stat_statements where that is loaded: how a change takes effect, its type, unit and range.
-- `infra/postgres/templates/parameters-18.tsv` is this answer of PostgreSQL 18 (tab separated, with a header):
-- psql --no-psqlrc --no-align --field-separator=$'\t' --pset=footer=off -f sql/queries/parameters-catalog.sql
SELECT
    name,
    context,
    vartype,
    coalesce(unit, '') AS unit,
    coalesce(min_val, '') AS min_val,
    coalesce(max_val, '') AS max_val,
    coalesce(pg_catalog.array_to_string(enumvals, ','), '') AS enumvals
FROM pg_catalog.pg_settings
WHERE name NOT LIKE '%.%' OR name LIKE 'pg\_stat\_statements.%'
ORDER BY name COLLATE "C";
