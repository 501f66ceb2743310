/**
 * What PostgreSQL itself says of its parameters: type, unit, range, and whether a change needs a restart. Kept as the
 * server's own answer (templates/parameters-18.tsv), so that a misspelt name or an impossible value is found before any
 * server is asked; test/sql/parameters.test.ts compares the file with a running server.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** When a change takes effect; https://www.postgresql.org/docs/18/view-pg-settings.html explains the words. */
export type ParameterContext =
  'internal' | 'postmaster' | 'sighup' | 'superuser-backend' | 'backend' | 'superuser' | 'user';

export interface ParameterFact {
  name: string;
  context: ParameterContext;
  type: 'bool' | 'integer' | 'real' | 'string' | 'enum';
  /** Unit that a number without one counts in: kB, 8kB, MB, B, ms, s or min. Empty for a plain number. */
  unit: string;
  min?: number;
  max?: number;
  /** The values of an enum, lower case. Empty where the build decides (compression methods, I/O methods). */
  words: readonly string[];
}

/** Enums whose values differ between builds of one version: what this list allows, only the server can tell. */
const BUILD_DEPENDENT = new Set([
  'default_toast_compression',
  'dynamic_shared_memory_type',
  'io_method',
  'shared_memory_type',
  'wal_compression',
  'wal_sync_method',
]);

/** Major version that the file describes. */
const CATALOG_VERSION = 18;

/** Parameters of the catalog that PostgreSQL 17 does not know; a line of its file that names one keeps it from starting. */
export const SINCE_18: ReadonlySet<string> = new Set([
  'autovacuum_vacuum_max_threshold',
  'autovacuum_worker_slots',
  'enable_distinct_reordering',
  'enable_self_join_elimination',
  'extension_control_path',
  'file_copy_method',
  'file_extend_method',
  'idle_replication_slot_timeout',
  'io_max_combine_limit',
  'io_max_concurrency',
  'io_method',
  'io_workers',
  'log_lock_failures',
  'max_active_replication_origins',
  'md5_password_warnings',
  'num_os_semaphores',
  'oauth_validator_libraries',
  'ssl_groups',
  'ssl_tls13_ciphers',
  'track_cost_delay_timing',
  'vacuum_max_eager_freeze_failure_rate',
  'vacuum_truncate',
]);

let facts: ReadonlyMap<string, ParameterFact> | undefined;

/** The server's answer as it is kept. */
export function catalogText(): string {
  return readFileSync(join(__dirname, 'templates', `parameters-${CATALOG_VERSION}.tsv`), 'utf8');
}

/** Every parameter of PostgreSQL 18 and of pg_stat_statements by its name. */
export function parameterCatalog(): ReadonlyMap<string, ParameterFact> {
  facts ??= new Map(
    catalogText()
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [name = '', context = '', type = '', unit = '', min = '', max = '', words = ''] = line.split('\t');
        const fact: ParameterFact = {
          name,
          context: context as ParameterContext,
          type: type as ParameterFact['type'],
          unit,
          ...(min === '' ? {} : { min: Number(min) }),
          ...(max === '' ? {} : { max: Number(max) }),
          words: BUILD_DEPENDENT.has(name) || words === '' ? [] : words.toLowerCase().split(','),
        };
        return [name, fact];
      }),
  );
  return facts;
}
