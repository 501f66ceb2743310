import { ComponentResource, type ComponentResourceOptions, type Input } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { DesiredIndexState } from '../ops/indexes/desired';
import { migrationManifest } from '../ops/migrations/manifest';
import { qbenchCommand } from './qbenchCommand';

export interface SchemaArgs {
  stack: string;
  /** The database they are applied to; a change of it applies them there. */
  database: Input<string>;
  /** The vector indexes, with memory and workers of one build from the plan. */
  indexes: DesiredIndexState;
  /** Loads the demo corpus of this project when the tables are empty. */
  sampleData: boolean;
  /** A migration that drops something is applied only with a restore of the backups proven lately. */
  provenBackup: boolean;
  /** Where the database is when it is not on this machine, as JSON. @default on this machine */
  endpoint?: string;
}

/** Tables, functions and indexes: what migrations and the index lifecycle make, by the same CLI in every tier. */
export class Schema extends ComponentResource {
  constructor(name: string, args: SchemaArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:database:Schema`, name, {}, options);
    const { stack, database } = args;
    const common = { stack, ...(args.endpoint === undefined ? {} : { endpoint: args.endpoint }) };
    // Absent elsewhere, so that a stack of another environment sees no change of it.
    const proven = args.provenBackup ? { provenBackup: true } : {};
    const migrations = qbenchCommand(
      `${name}-migrations`,
      { ...common, apply: 'migrate --declared', desired: { database, migrations: migrationManifest(), ...proven } },
      { parent: this },
    );
    // Before the indexes: building them over rows is several times faster than growing them row by row.
    const rows = args.sampleData
      ? qbenchCommand(
          `${name}-sample-data`,
          { ...common, apply: 'load --demo --if-empty', desired: { database } },
          { parent: this, dependsOn: migrations },
        )
      : migrations;
    qbenchCommand(
      `${name}-indexes`,
      { ...common, apply: 'index apply', desired: { ...args.indexes, database } },
      { parent: this, dependsOn: rows },
    );
    this.registerOutputs({});
  }
}
