/**
 * The table of all parameters that this project writes: Mandatory ones, which its promises rest on, and defaults, which
 * the setting `postgresParameters` may replace.
 *
 * hnsw.ef_search, hnsw.iterative_scan and ivfflat.probes are not among them. They belong to an index's profile and to
 * the application that searches, any role may set them, and the server knows them only where pgvector is loaded: the
 * index lifecycle sets them on the database (ALTER DATABASE ... SET), where a change needs no reload and no other
 * database feels it. statement_timeout and search_path belong to each role for the same reason.
 */
import { neededBy } from './change';
import { SINCE_18 } from './catalog';
import { DURABILITY_RULES } from './durability';
import { LOG_REDACTION_RULES } from './logRedaction';
import { OPERATIONS_RULES } from './operations';
import { overrideMistakes, ParameterError } from './overrides';
import { PLANNED_RULES } from './planned';
import { renderPostgresqlConf } from './render';
import { valueOf, type ConfigurationInput, type ParameterRule } from './rules';
import { SECURITY_RULES } from './security';

/** Every rule, sorted by the parameter's name. */
export const PARAMETER_RULES: readonly ParameterRule[] = [
  ...DURABILITY_RULES,
  ...SECURITY_RULES,
  ...LOG_REDACTION_RULES,
  ...OPERATIONS_RULES,
  ...PLANNED_RULES,
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** What initdb decided and no file can change, with the value that is promised. */
export const PRESETS: Readonly<Record<string, { value: string; why: string }>> = {
  data_checksums: { value: 'on', why: 'a damaged page is reported when it is read and when it is backed up' },
};

export interface PostgresqlConf {
  /** Every line by name, each value as written between its quotes. */
  parameters: Record<string, string>;
  /** Names among them for which a reload is enough. */
  reloadable: string[];
  /** The file. */
  text: string;
}

/** A rule with what follows from its name. */
export interface ParameterNote extends Pick<ParameterRule, 'name' | 'kind' | 'why'> {
  needs: 'reload' | 'restart';
  /** Page and anchor of the PostgreSQL documentation. */
  link: string;
}

/** What this project has to say of a parameter; undefined for one that only an override names. */
export function noteOf(name: string): ParameterNote | undefined {
  const rule = PARAMETER_RULES.find((candidate) => candidate.name === name);
  if (rule === undefined) return undefined;
  const { kind, why, page } = rule;
  const base = 'https://www.postgresql.org/docs/18/';
  const link = name.startsWith('pg_stat_statements.')
    ? `${base}pgstatstatements.html#PGSTATSTATEMENTS-CONFIG-PARAMS`
    : `${base}runtime-config-${page}.html#GUC-${name.toUpperCase().replaceAll('_', '-')}`;
  return { name, kind, why, needs: neededBy(name), link };
}

/**
 * postgresql.conf of one server.
 * @throws ParameterError listing every override that breaks a mandatory parameter, is unknown, or has an impossible value
 */
export function postgresqlConf(input: ConfigurationInput): PostgresqlConf {
  const version = input.version ?? 18;
  const mandatory = new Map<string, { value: string | undefined; why: string }>();
  const parameters: Record<string, string> = {};
  for (const rule of PARAMETER_RULES) {
    if (version < 18 && SINCE_18.has(rule.name)) continue;
    const value = valueOf(rule, input);
    if (rule.kind === 'mandatory') mandatory.set(rule.name, { value, why: rule.why });
    if (value !== undefined) parameters[rule.name] = value;
  }
  const overrides = input.overrides ?? {};
  const mistakes = overrideMistakes(overrides, mandatory, version);
  if (mistakes.length > 0) throw new ParameterError(mistakes);
  Object.assign(parameters, overrides);
  const sorted = Object.fromEntries(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    parameters: sorted,
    reloadable: Object.keys(sorted).filter((name) => neededBy(name) === 'reload'),
    text: renderPostgresqlConf(sorted),
  };
}
