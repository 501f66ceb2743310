/** What a preview costs in Node: the language host's own command line with an engine that agrees to everything. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { CHECKOUT } from '../support/machine';
import { agreeableEngine, type RegisteredResource } from './monitor';
import { run } from './programs';
import { alternate, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 7;

interface ProjectFile {
  name: string;
  main: string;
  runtime: { options: { nodeargs: string; typescript: boolean } };
}

type Configuration = Readonly<Record<string, unknown>>;

/** What AWS is asked during a preview. */
const AWS_ANSWERS = {
  'aws:ec2/getAmi:getAmi': { id: 'ami-0123456789abcdef0' },
  'aws:index/getCallerIdentity:getCallerIdentity': { accountId: '111122223333' },
  'aws:index/getAvailabilityZones:getAvailabilityZones': { names: ['eu-central-1a', 'eu-central-1b'] },
};

/** The configuration of the committed stack. */
function committedConfiguration(): Configuration {
  const file = readFileSync(join(CHECKOUT, 'Pulumi.dev.yaml'), 'utf8');
  return (load(file) as { config: Configuration }).config;
}

/** A stack on a host of its own, with everything that a stack can have. */
const HOST: Configuration = {
  'qbench-postgres:tier': 'ec2',
  'qbench-postgres:owner': 'platform',
  'qbench-postgres:aws': { region: 'eu-central-1' },
};

/** As the engine hands it over: text, or JSON of it. */
function handedOver(configuration: Configuration): string {
  const entries = Object.entries(configuration);
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return JSON.stringify(Object.fromEntries(entries.map(([key, value]) => [key, text(value)])));
}

async function measure(context: BenchContext): Promise<Row[]> {
  const { signal, scratch } = context;
  const project = load(readFileSync(join(CHECKOUT, 'Pulumi.yaml'), 'utf8')) as ProjectFile;
  const { options } = project.runtime;
  const command = join(CHECKOUT, 'node_modules', '@pulumi', 'pulumi', 'cmd', 'run');
  // Where the engine starts the language host, whose folder the program inherits.
  const folder = join(CHECKOUT, project.main);
  const known = join(scratch, 'resources.json');
  const registered: Record<string, readonly RegisteredResource[]> = {};
  const program = async (stack: string, configuration: Configuration, entry = '.'): Promise<number> => {
    const engine = await agreeableEngine(project.name, stack, AWS_ANSWERS);
    const env = {
      PULUMI_CONFIG: handedOver(configuration),
      PULUMI_CONFIG_SECRET_KEYS: '[]',
      PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
      QBENCH_STATE_DIR: join(scratch, 'boot'),
      BARE_RESOURCES: known,
    };
    const args = [
      ...options.nodeargs.split(' '),
      command,
      ...['--monitor', engine.address, '--engine', engine.address, '--project', project.name, '--stack', stack],
      ...['--organization', 'organization', '--root-directory', CHECKOUT, '--pwd', folder, '--dry-run', entry],
    ];
    try {
      const seconds = await secondsOf(() => run(process.execPath, args, { env, signal, cwd: folder }));
      registered[stack] = engine.registered;
      return seconds;
    } catch (error) {
      if (engine.errors.length === 0) throw error;
      throw new Error(`the program failed: ${engine.errors.join('; ')}`, { cause: error });
    } finally {
      engine.stop();
    }
  };
  const local = (): Promise<number> => program('dev', committedConfiguration());
  const host = (): Promise<number> => program('host', HOST);
  // The first run fills the caches, as the first preview of a checkout does.
  const first = { local: await local(), host: await host() };
  const own = (registered['host'] ?? []).filter(({ type }) => !/^pulumi:(pulumi|providers):/.test(type));
  writeFileSync(known, JSON.stringify(own));
  const seconds = await alternate(ROUNDS, {
    local: async (round) => {
      context.progress.update({ phase: 'boot', done: round, total: ROUNDS, unit: 'rounds' });
      return local();
    },
    host,
    sdk: () => program('bare', {}, join(CHECKOUT, 'test', 'bench', 'bareProgram.cjs')),
    bare: () => secondsOf(() => run(process.execPath, ['-e', '0'], { signal })),
  });
  const bare = summary(seconds.bare).value.toFixed(3);
  const note = (stack: string, firstSeconds: number): string =>
    `the Node part of a preview (${registered[stack]?.length ?? 0} resources), start to exit; \`node -e 0\` takes ${bare} s, the first run here took ${firstSeconds.toFixed(2)} s`;
  return [
    {
      name: 'program boot, tier local',
      ...summary(seconds.local),
      unit: 's',
      target: { atMost: 1 },
      note: note('dev', first.local),
    },
    {
      name: 'program boot, tier ec2',
      ...summary(seconds.host),
      unit: 's',
      target: { atMost: 1 },
      note: note('host', first.host),
    },
    {
      name: 'program boot, tier ec2 / the bare SDK',
      ...summary(ratios(seconds.host, seconds.sdk)),
      unit: '',
      note: `against a program of one loop that registers the same resources with inputs that are known: ${summary(seconds.sdk).value.toFixed(2)} s`,
    },
  ];
}

export const bootBench: Bench = {
  name: 'boot',
  about: 'the Node part of a preview of each tier, beside a bare `node -e 0`',
  run: measure,
};
