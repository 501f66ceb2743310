/** What applying a configuration needs of a server, wherever it runs: files, the process, and a superuser's session. */
import type { Queryable } from '../ports';

/** The configuration files by name (postgresql.conf, pg_hba.conf, pg_ident.conf), each with its whole text. */
export type ConfigurationFiles = Readonly<Record<string, string>>;

export interface ConfigurableServer {
  /** Whether the server process lives. */
  running(): Promise<boolean>;
  /** The files as they lie now; one that is missing is absent. */
  readFiles(): Promise<ConfigurationFiles>;
  /** Replaces files, each at once and durably; nothing takes effect by that alone. */
  writeFiles(files: ConfigurationFiles): Promise<void>;
  /** The files that the server last took in whole; undefined before the first time. */
  readLastGood(): Promise<ConfigurationFiles | undefined>;
  keepLastGood(files: ConfigurationFiles): Promise<void>;
  /**
   * Lets the server's own program read files that are not in use yet.
   * @returns its words where it refuses them, undefined where it takes them
   */
  check(files: ConfigurationFiles): Promise<string | undefined>;
  /** Starts the server and waits until it answers. @throws OperatorError with the server's own words */
  start(): Promise<void>;
  /** Stops the server and waits until it is gone. */
  stop(): Promise<void>;
  /** Tells the server to read its files again; returns at once. */
  reload(): Promise<void>;
  /** Runs `work` in a new superuser session. */
  session<T>(work: (session: Queryable) => Promise<T>): Promise<T>;
}
