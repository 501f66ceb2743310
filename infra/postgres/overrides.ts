/** The setting `postgresParameters` held against what the server knows and what the program promises. */
import { parameterCatalog, SINCE_18 } from './catalog';
import { canonicalValue, sameValue } from './values';

export interface OverrideMistake {
  name: string;
  /** What was given. */
  value: string;
  problem: string;
  /** What is allowed, or what to do instead. */
  allowed: string;
}

/** Overrides that cannot be taken: every mistake at once. */
export class ParameterError extends Error {
  constructor(readonly mistakes: readonly OverrideMistake[]) {
    const lines = mistakes.map(
      ({ name, value, problem, allowed }) => `  ${name} = "${value}" ${problem}; allowed: ${allowed}`,
    );
    super(
      [`postgresParameters holds ${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}:`, ...lines].join('\n'),
    );
    this.name = 'ParameterError';
  }
}

/** Parameters that the machine, a restore or another setting decides, whatever the tier writes into the file. */
const OWNED: Readonly<Record<string, string>> = {
  archive_cleanup_command: 'a restore sets it',
  archive_command: 'the backup settings decide it',
  archive_library: 'the backup settings decide it',
  config_file: 'the program writes the files of the server',
  data_directory: 'the program decides where the data lies',
  external_pid_file: 'the program finds the server by its own file',
  hba_file: 'the program writes the files of the server',
  ident_file: 'the program writes the files of the server',
  listen_addresses: 'the network settings decide who connects',
  port: 'set local.port or ec2.port',
  primary_conninfo: 'a restore sets it',
  primary_slot_name: 'a restore sets it',
  promote_trigger_file: 'a restore sets it',
  restore_command: 'a restore sets it',
  unix_socket_directories: 'the program decides where the socket lies',
  unix_socket_group: 'the program decides who reaches the socket',
  unix_socket_permissions: 'the program decides who reaches the socket',
};

/** Parameters of pgvector: known only to sessions that loaded it, and part of an index's profile. */
const OF_PGVECTOR = /^(hnsw|ivfflat)\./;

/**
 * @param mandatory value (undefined: the line is left out) and reason of every mandatory parameter of this server
 * @returns every mistake, in the order given
 */
export function overrideMistakes(
  overrides: Readonly<Record<string, string>>,
  mandatory: ReadonlyMap<string, { value: string | undefined; why: string }>,
  version: number,
): OverrideMistake[] {
  return Object.entries(overrides).flatMap(([name, value]) => {
    const found = judge(name, value, mandatory.get(name), version);
    return found === undefined ? [] : [{ name, value, ...found }];
  });
}

function judge(
  name: string,
  value: string,
  promised: { value: string | undefined; why: string } | undefined,
  version: number,
): Pick<OverrideMistake, 'problem' | 'allowed'> | undefined {
  if (OF_PGVECTOR.test(name)) {
    return {
      problem: 'belongs to an index, not to the server',
      allowed: 'the settings index.efSearch or index.probes',
    };
  }
  const fact = parameterCatalog().get(name);
  if (fact === undefined || (version < 18 && SINCE_18.has(name))) {
    const near = [...parameterCatalog().keys()].find(
      (known) => known.replaceAll('_', '') === name.toLowerCase().replaceAll(/[_\s-]/g, ''),
    );
    return {
      problem: `is no parameter of PostgreSQL ${version}`,
      allowed: near === undefined ? `a name of https://www.postgresql.org/docs/${version}/runtime-config.html` : near,
    };
  }
  if (fact.context === 'internal')
    return { problem: 'cannot be set', allowed: 'nothing: initdb or the build decided it' };
  if (promised?.value !== undefined) {
    if (sameValue(fact, value, promised.value)) return undefined;
    return { problem: `breaks a mandatory parameter: ${promised.why}`, allowed: `"${promised.value}" alone` };
  }
  const owner = name.startsWith('recovery_') ? 'a restore sets it' : OWNED[name];
  if (owner !== undefined || promised !== undefined) {
    return { problem: 'belongs to the program', allowed: `nothing: ${owner ?? promised?.why ?? ''}` };
  }
  const canonical = canonicalValue(fact, value);
  return 'problem' in canonical ? canonical : undefined;
}
