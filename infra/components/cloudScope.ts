/** What all AWS components of a stack share: names, tags, and which resources a change may not take away. Pure. */
import type { CustomResourceOptions } from '@pulumi/pulumi';
import { PROJECT, secretName, TAGS } from '../naming';

export interface CloudScopeArgs {
  stack: string;
  environment: string;
  owner: string;
  region: string;
  accountId: string;
  /** Tags of the user's own. */
  tags: Readonly<Record<string, string>>;
  /** Refuses what would lose data. */
  protectData: boolean;
  /** A stack that vanishes whole. */
  ephemeral: boolean;
  ttlHours: number;
  /** When an ephemeral stack was made, ISO 8601 in UTC. */
  createdAt?: string;
  /** Logical names or URNs whose replacement or deletion was agreed to. */
  allowDestroy: readonly string[];
}

export class CloudScope {
  constructor(readonly args: CloudScopeArgs) {}

  get region(): string {
    return this.args.region;
  }

  /** Physical name: `qbench-postgres-prod-host`. */
  name(suffix: string): string {
    return `${PROJECT}-${this.args.stack}-${suffix}`;
  }

  /** Path-like name of secrets and parameters: `qbench-postgres/prod/superuser`. */
  path(suffix: string): string {
    return secretName(this.args.stack, suffix);
  }

  /** Tags of one resource; `Name` is what consoles show. */
  tags(suffix: string): Record<string, string> {
    return { ...this.args.tags, ...this.identity, Name: this.name(suffix) };
  }

  /** The tags without a name, which tell whose a resource is. */
  get identity(): Record<string, string> {
    const { stack, owner, environment, ephemeral, ttlHours, createdAt } = this.args;
    return {
      [TAGS.project]: PROJECT,
      [TAGS.stack]: stack,
      [TAGS.owner]: owner,
      [TAGS.environment]: environment,
      [TAGS.managedBy]: 'pulumi',
      ...(ephemeral ? { [TAGS.ttl]: `${ttlHours}h` } : {}),
      ...(ephemeral && createdAt !== undefined ? { [TAGS.created]: createdAt } : {}),
    };
  }

  /** Whether the configuration names this resource as one that may go. */
  mayGo(name: string): boolean {
    return this.args.allowDestroy.some((entry) => entry === name || entry.endsWith(`::${name}`));
  }

  /**
   * Options of a resource that holds data or that a change must not take away: the engine refuses its deletion and its
   * replacement, in the preview already, until the configuration names it in `allowDestroy`.
   */
  guard(name: string): Pick<CustomResourceOptions, 'protect'> {
    const { protectData, ephemeral } = this.args;
    return { protect: protectData && !ephemeral && !this.mayGo(name) };
  }

  /**
   * As `guard`, and in production what leaves the stack stays in the account: a mistake that gets past the guard costs money,
   * not data.
   */
  keep(name: string): Pick<CustomResourceOptions, 'protect' | 'retainOnDelete'> {
    const { environment, ephemeral } = this.args;
    return { ...this.guard(name), retainOnDelete: environment === 'production' && !ephemeral && !this.mayGo(name) };
  }
}
