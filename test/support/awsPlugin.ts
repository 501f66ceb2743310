/** The recording aws plugin for a test's own stacks: on PATH of their engine alone, with an account they can share. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { nodeScript, writeExecutable } from '../../scripts/toolchain/plugins';
import type { JournalEntry } from '../../scripts/toolchain/plugins/aws/account';
import type { CommandResult } from '../../infra/ops/ports';
import { testMachine } from './machine';
import { writeSessionPlugin } from './sessionPlugin';
import { TestStack, type RawStackConfig } from './stack';

/** A stack that vanishes whole, of a size that fits the smallest host. */
export const EPHEMERAL: RawStackConfig = {
  tier: 'ec2',
  environment: 'test',
  owner: 'platform',
  ephemeral: true,
  protectData: false,
  aws: { region: 'eu-central-1' },
};

/** A stack whose data is protected, in production. */
export const PRODUCTION: RawStackConfig = {
  tier: 'ec2',
  environment: 'production',
  owner: 'platform',
  aws: { region: 'eu-central-1', accountId: '111122223333' },
};

export class RecordedAws {
  readonly folder = mkdtempSync(join(tmpdir(), 'qbench-aws-'));
  private readonly stacks: TestStack[] = [];

  /** Where the plugin keeps the account. */
  get account(): string {
    return join(this.folder, 'account');
  }

  /**
   * A new stack in this account.
   * @param more environment of its engine, such as the way to stand-ins of AWS
   */
  async stack(name: string, config: RawStackConfig, more: Record<string, string> = {}): Promise<TestStack> {
    const machine = testMachine();
    const bin = join(this.folder, 'bin');
    mkdirSync(bin, { recursive: true });
    writeSessionPlugin(bin);
    const entry = join(machine.context.checkout, 'scripts/toolchain/plugins/bin/aws.ts');
    writeExecutable(join(bin, 'pulumi-resource-aws'), nodeScript(machine.context, entry));
    const env = {
      ...process.env,
      ...more,
      QBENCH_AWS_ACCOUNT: this.account,
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
    };
    const stack = await TestStack.create(name, config, { ...machine, context: { ...machine.context, env } });
    this.stacks.push(stack);
    return stack;
  }

  /** Debian publishes a newer image. */
  publishImage(id: string): void {
    writeFileSync(join(this.account, 'image'), id);
  }

  /** What was done in the account, in order. */
  get journal(): JournalEntry[] {
    const file = join(this.account, 'journal.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as JournalEntry);
  }

  remove(): void {
    for (const stack of this.stacks) stack.machine.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a preview would change: each resource's operation and the properties that differ, by the resource's name. */
export async function plannedDiff(stack: TestStack): Promise<Record<string, { op: string; properties: string[] }>> {
  const changes = await stack.plannedSteps();
  return Object.fromEntries(
    changes.map(({ op, urn, detailedDiff }) => [
      urn.split('::').pop() ?? urn,
      { op, properties: Object.keys(detailedDiff ?? {}).sort() },
    ]),
  );
}

/** Everything that a run of the CLI said. */
export function messages({ stdout, stderr }: CommandResult): string {
  return `${stdout}\n${stderr}`;
}
