/**
 * `npm run up`: from nothing to a running, loaded, searchable database. Finds or builds the CLI, makes the stack where it is
 * missing, runs `pulumi up`, and shows how to connect and one search.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { machineContext } from './support/context';
import { runMain } from './support/main';
import { createProgress } from './support/progress';
import { splitStack } from './support/stackArgument';
import { stackSettings } from './support/stackSettings';
import { describePlugins, ownNode } from './toolchain/plugins';
import { Toolchain } from './toolchain/toolchain';

runMain(async () => {
  const context = machineContext(process.env);
  const progress = createProgress(process.stderr);
  const { stack, rest } = splitStack(process.argv.slice(2), process.env);
  progress.update({ phase: 'looking for the Pulumi CLI' });
  const toolchain = await Toolchain.ensure(context, progress);
  const standIns = describePlugins(toolchain.plugins);
  if (standIns !== undefined) progress.note(standIns);
  if (await toolchain.ensureStack(stack))
    progress.note(`made stack ${stack}; its state lies in ${toolchain.backend.label}`);

  const { tier, sampleData } = whatIsAskedFor(context.checkout, stack);
  // What a local stack costs to try is a moment; on AWS a person reads the preview first.
  const consent = tier === 'local' ? ['--yes', '--skip-preview'] : [];
  const code = await toolchain.run(['up', '--stack', stack, ...consent, ...rest]);
  if (code !== 0 || tier !== 'local') return code;

  const option = stack === 'dev' ? '' : ` --stack ${stack}`;
  process.stdout.write(`\nThe database is up. What next:\n`);
  process.stdout.write(`  connect     npm run qbench -- psql${option}\n`);
  process.stdout.write(`  look at it  npm run qbench -- health${option}\n`);
  process.stdout.write(`  remove it   npm run destroy${option === '' ? '' : ` --${option}`}\n`);
  if (!sampleData) return 0;
  process.stdout.write(`\nOne search in it (npm run qbench -- search --demo-query 1 --use-index${option}):\n\n`);
  const qbench = join(context.checkout, 'scripts', 'qbench.mjs');
  const args = [qbench, 'search', '--stack', stack, '--demo-query', '1', '--use-index', '--limit', '5'];
  return spawnSync(ownNode(context), args, { stdio: 'inherit', cwd: context.checkout }).status ?? 1;
});

/** The two settings that decide what is asked and shown, from the file as it stands now; the program judges it when it runs. */
function whatIsAskedFor(checkout: string, stack: string): { tier: string; sampleData: boolean } {
  const settings = stackSettings(checkout, stack);
  // Without a file every setting has its default.
  if (settings === undefined) return { tier: 'local', sampleData: false };
  return { tier: settings.tier, sampleData: settings.tier === 'local' && settings.local.sampleData };
}
