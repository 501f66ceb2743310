/** What a rule of the parameter tables is. The tables themselves lie one topic a file beside this one. */
import type { ServerParameters } from '../capacity/parameters';

/** Tiers whose postgresql.conf this project writes. Aurora takes a parameter group instead. */
export type ServerTier = 'local' | 'ec2';

/** WAL archiving, where backups are on. */
export interface ArchivingInput {
  /**
   * archive_command: ends with 0 only when the segment is durable in the repository. Absent where it names folders of the machine, which
   * then adds the line when it writes the file.
   */
  command?: string;
  /** Longest time that committed rows wait in an unfinished segment, in seconds: the bound of the RPO on a quiet server. */
  timeoutSeconds: number;
  /** Keeps the summaries that incremental base backups need (native engine). */
  summarizeWal: boolean;
}

/** Where things lie on a host of its own. */
export interface HostInput {
  /** Names or addresses of the host's own interfaces; never `*`. */
  listenAddresses: readonly string[];
  port: number;
  dataDirectory: string;
  /** Folder of pg_hba.conf and pg_ident.conf. */
  configDirectory: string;
  /** Outside the data directory, so that a full log never fills it (CIS 3.1.27). */
  logDirectory: string;
  socketDirectory: string;
  /** Certificate chain and key that the server shows, PEM. */
  tlsCertFile: string;
  tlsKeyFile: string;
}

interface InputBase {
  plan: ServerParameters;
  /** Major version of the server. @default 18 */
  version?: number;
  /** Absent: backups are off. */
  archiving?: ArchivingInput;
  /** Setting `postgresParameters`: values by name that replace the defaults. */
  overrides?: Readonly<Record<string, string>>;
}

/** What postgresql.conf follows from. On `local` the machine adds its own lines when it writes the file. */
export type ConfigurationInput = (InputBase & { tier: 'local' }) | (InputBase & { tier: 'ec2'; host: HostInput });

export interface ParameterRule {
  name: string;
  /** `mandatory`: a promise of the product rests on it, so it cannot be overridden. */
  kind: 'mandatory' | 'default';
  /** As written between the quotes; undefined where the line does not belong into this file. */
  value: string | ((input: ConfigurationInput) => string | undefined);
  /** The consequence: what is gained, or what breaks without it. */
  why: string;
  /** Page of the PostgreSQL documentation that describes it, without `runtime-config-` and `.html`. */
  page: string;
}

/** The value of a rule for one server, or undefined where it writes no line. */
export function valueOf(rule: ParameterRule, input: ConfigurationInput): string | undefined {
  return typeof rule.value === 'string' ? rule.value : rule.value(input);
}
