import type { Input } from '@pulumi/pulumi';

/** The stack outputs, the same in every tier. Whatever holds a password is secret. */
export interface TierOutputs {
  tier: string;
  /** Host name or address that clients connect to. */
  endpoint: Input<string>;
  port: Input<number>;
  database: Input<string>;
  /** Connection string of the application's role; secret. */
  databaseUrl: Input<string>;
  /** Shell command that opens psql; holds no password. */
  connectCommand: Input<string>;
  /** The capacity plan in one object. */
  capacity: Input<unknown>;
  /** Where backups go; empty where the tier keeps none by itself (Pulumi drops an output that is null). */
  backupRepository: Input<string>;
  /** Address of the dashboard; empty where the tier has none. */
  dashboardUrl: Input<string>;
}
