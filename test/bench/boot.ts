/** What a preview costs in Node: the language host's own command line with an engine that agrees to everything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { CHECKOUT } from '../support/machine';
import { agreeableEngine } from './monitor';
import { run } from './programs';
import { alternate, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 7;

interface ProjectFile {
  name: string;
  main: string;
  runtime: { options: { nodeargs: string; typescript: boolean } };
}

/** The configuration of the committed stack as the engine hands it over: text, or JSON of it. */
function stackConfiguration(): Record<string, string> {
  const { config } = load(readFileSync(join(CHECKOUT, 'Pulumi.dev.yaml'), 'utf8')) as {
    config: Record<string, unknown>;
  };
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

async function measure(context: BenchContext): Promise<Row[]> {
  const { signal, scratch } = context;
  const project = load(readFileSync(join(CHECKOUT, 'Pulumi.yaml'), 'utf8')) as ProjectFile;
  const { options } = project.runtime;
  const env = {
    PULUMI_CONFIG: JSON.stringify(stackConfiguration()),
    PULUMI_CONFIG_SECRET_KEYS: '[]',
    PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
    QBENCH_STATE_DIR: join(scratch, 'boot'),
  };
  const command = join(CHECKOUT, 'node_modules', '@pulumi', 'pulumi', 'cmd', 'run');
  // Where the engine starts the language host, whose folder the program inherits.
  const folder = join(CHECKOUT, project.main);
  let resources = 0;
  const program = async (): Promise<number> => {
    const engine = await agreeableEngine(project.name, 'dev');
    const args = [...options.nodeargs.split(' '), command];
    args.push('--monitor', engine.address, '--engine', engine.address, '--project', project.name, '--stack', 'dev');
    args.push('--organization', 'organization', '--root-directory', CHECKOUT, '--pwd', folder, '--dry-run', '.');
    try {
      const seconds = await secondsOf(() => run(process.execPath, args, { env, signal, cwd: folder }));
      resources = engine.registered.length;
      return seconds;
    } catch (error) {
      if (engine.errors.length === 0) throw error;
      throw new Error(`the program failed: ${engine.errors.join('; ')}`, { cause: error });
    } finally {
      engine.stop();
    }
  };
  // The first run fills the caches, as the first preview of a checkout does.
  const first = await program();
  const seconds = await alternate(ROUNDS, {
    program: async (round) => {
      context.progress.update({ phase: 'boot', done: round, total: ROUNDS, unit: 'rounds' });
      return program();
    },
    bare: () => secondsOf(() => run(process.execPath, ['-e', '0'], { signal })),
  });
  const bare = summary(seconds.bare).value;
  return [
    {
      name: 'program boot',
      ...summary(seconds.program),
      unit: 's',
      target: { atMost: 1 },
      note: `the Node part of a preview of stack dev (${resources} resources), start to exit; \`node -e 0\` takes ${bare.toFixed(3)} s, the first run here took ${first.toFixed(2)} s`,
    },
  ];
}

export const bootBench: Bench = {
  name: 'boot',
  about: 'the Node part of a preview, beside a bare `node -e 0`',
  run: measure,
};
