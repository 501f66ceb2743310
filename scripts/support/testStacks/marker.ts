/** What this machine remembers of a test stack that it made: written before anything else of it, removed after everything else. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../../infra/adapters/atomicFile';
import type { MachineTraces } from '../../../infra/adapters/localServer/remains';
import type { Moment, Phase } from '../../../infra/ops/stacks/lifetime';
import type { ToolchainPaths } from '../../toolchain/paths';

export interface Marker {
  name: string;
  tier: string;
  /** AWS region; '' on tier local. */
  region: string;
  phase: Phase;
  created: Moment;
  /** Last time that one of our own runs changed it. */
  changed: Moment;
  ttlHours: number;
  /** What it had on this machine, from the beginning of its destruction on. */
  traces?: MachineTraces;
}

export class Markers {
  private readonly dir: string;

  constructor(paths: ToolchainPaths) {
    this.dir = join(paths.dir, 'test-stacks');
  }

  all(): Marker[] {
    if (!existsSync(this.dir)) return [];
    const names = readdirSync(this.dir).filter((name) => name.endsWith('.json'));
    return names.sort().flatMap((name) => this.read(name.slice(0, -'.json'.length)) ?? []);
  }

  read(stack: string): Marker | undefined {
    const file = this.file(stack);
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Marker;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  write(marker: Marker): void {
    mkdirSync(this.dir, { recursive: true });
    const text = `${JSON.stringify(marker, null, 2)}\n`;
    writeAtomically(this.file(marker.name), text, { mode: 0o600, concurrent: true });
  }

  remove(stack: string): void {
    rmSync(this.file(stack), { force: true });
  }

  private file(stack: string): string {
    return join(this.dir, `${stack}.json`);
  }
}
