/** The verbs of qbench, in the order of the help. A verb's module is loaded only when it is asked for. */
import type { Command } from 'commander';
import type { CliContext } from '../support/context';

export interface VerbModule {
  register(program: Command, context: CliContext): void;
}

export interface VerbEntry {
  name: string;
  summary: string;
  load(): Promise<VerbModule>;
}

export const VERBS: readonly VerbEntry[] = [
  { name: 'server', summary: 'the server of the local tier: status, start, stop, logs', load: () => import('./server') },
];
