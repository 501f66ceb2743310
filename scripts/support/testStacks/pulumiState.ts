/** What the Pulumi backend knows of one stack, and what it keeps of it: from the files of our own backend, else by the CLI. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../../../infra/naming';
import { OperatorError } from '../../../infra/ops/errors';
import type { Remainder } from '../../../infra/ops/stacks/leftovers';
import type { Toolchain } from '../../toolchain/toolchain';

export interface StackState {
  /** Logical names of the resources that the engine refuses to delete. */
  protected: readonly string[];
  resources: number;
  /** Salt of the passphrase that its secrets are encrypted with, where they are. */
  salt: string | undefined;
}

interface Deployment {
  resources?: { urn: string; type: string; protect?: boolean }[];
  secrets_providers?: { type?: string; state?: { salt?: string } };
}

export class PulumiState {
  constructor(private readonly toolchain: Toolchain) {}

  /** @returns undefined where the backend does not know the stack */
  async read(stack: string): Promise<StackState | undefined> {
    const deployment = this.toolchain.backend.own ? this.readOwn(stack) : await this.exported(stack);
    if (deployment === undefined) return undefined;
    const resources = (deployment.resources ?? []).filter(({ type }) => type !== 'pulumi:pulumi:Stack');
    return {
      protected: resources.filter(({ protect }) => protect === true).map(({ urn }) => urn.split('::').pop() ?? urn),
      resources: resources.length,
      salt: deployment.secrets_providers?.state?.salt,
    };
  }

  /** Milliseconds since 1970 of the last change of the state; our own backend's only. */
  changedMs(stack: string): number | undefined {
    const file = this.ownFile(stack);
    return this.toolchain.backend.own && existsSync(file) ? statSync(file).mtimeMs : undefined;
  }

  /** Locks of the stack in our own backend, those of dead runs removed before. In another backend Pulumi alone knows, and refuses. */
  locks(stack: string): string[] {
    const dir = join(this.root, 'locks', 'organization', PROJECT, stack);
    if (!this.toolchain.backend.own || !existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((name) => name.endsWith('.json'))
      .map((name) => {
        try {
          const lock = JSON.parse(readFileSync(join(dir, name), 'utf8')) as { pid?: number; hostname?: string };
          return `pulumi (pid ${lock.pid ?? '?'} on ${lock.hostname ?? '?'})`;
        } catch {
          return 'pulumi';
        }
      });
  }

  /** Takes an empty stack out of the backend, its history and backups too. Succeeds where there is none. */
  async forget(stack: string): Promise<void> {
    if ((await this.toolchain.stacks()).some(({ name }) => name === stack)) {
      const args = [
        'stack',
        'rm',
        '--yes',
        '--preserve-config',
        '--remove-backups',
        '--stack',
        stack,
        '--non-interactive',
      ];
      const removed = await this.toolchain.capture(args);
      if (removed.code !== 0) throw new OperatorError(`pulumi stack rm ${stack} failed: ${removed.stderr.trim()}`);
    }
    if (!this.toolchain.backend.own) return;
    for (const { what } of this.ownFiles(stack)) rmSync(what, { recursive: true, force: true });
  }

  /** What the backend still has of the stack. */
  async remains(stack: string): Promise<Remainder[]> {
    if (this.toolchain.backend.own) return this.ownFiles(stack);
    const found = (await this.toolchain.stacks()).filter(({ name }) => name === stack);
    return found.map(() => ({ kind: 'Pulumi state', what: `stack ${stack} in ${this.toolchain.backend.label}` }));
  }

  private get root(): string {
    return join(this.toolchain.paths.backend, '.pulumi');
  }

  private ownFile(stack: string): string {
    return join(this.root, 'stacks', PROJECT, `${stack}.json`);
  }

  /** Files and folders of our own backend that are named after the stack. */
  private ownFiles(stack: string): Remainder[] {
    const parents = ['stacks', 'history', 'backups'].map((name) => join(this.root, name, PROJECT));
    parents.push(join(this.root, 'locks', 'organization', PROJECT));
    return parents.flatMap((dir) => {
      const names = existsSync(dir) ? readdirSync(dir) : [];
      return names
        .filter((name) => name === stack || name.startsWith(`${stack}.`))
        .map((name): Remainder => ({ kind: 'Pulumi state', what: join(dir, name) }));
    });
  }

  private readOwn(stack: string): Deployment | undefined {
    const file = this.ownFile(stack);
    if (!existsSync(file)) return undefined;
    const { checkpoint } = JSON.parse(readFileSync(file, 'utf8')) as { checkpoint?: { latest?: Deployment } };
    return checkpoint?.latest ?? {};
  }

  private async exported(stack: string): Promise<Deployment | undefined> {
    const result = await this.toolchain.capture(['stack', 'export', '--stack', stack, '--non-interactive']);
    if (result.code === 0) return (JSON.parse(result.stdout) as { deployment: Deployment }).deployment;
    if (/no stack named/.test(result.stderr)) return undefined;
    throw new OperatorError(`pulumi stack export ${stack} failed: ${result.stderr.trim()}`);
  }
}
