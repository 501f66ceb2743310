/** `qbench cost`: what the stack costs a month, by resource, from its settings or from a preview of it. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { costOfResources, costText, type Cost } from '../../infra/ops/review/cost';
import { parsePreview } from '../../infra/ops/review/preview';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { table } from '../support/output';
import { factsOfPreview } from '../support/review';
import { costOfSettings } from '../support/stackCost';
import { stackSettings } from '../support/stackSettings';

const HELP = `
Without --preview the resources follow from Pulumi.STACK.yaml, without asking AWS. With --preview they are those of the changed stack, as
the engine named them: the stream of events of pulumi preview --json (qbench preview-report --help).
A resource whose price is not known is listed as unknown and counted in no sum.`;

export function register(program: Command, context: CliContext): void {
  const command = program.command('cost').description('what the stack costs a month, by resource');
  command
    .option('--preview <file>', 'a preview in JSON instead of the settings')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (options: { preview?: string; json?: boolean }) => {
      const cost =
        options.preview === undefined ? costOfStack(stackOf(command)) : costOfPreview(await readText(options.preview));
      if (options.json === true) context.json(cost);
      else context.write(costTable(cost));
    });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function costOfStack(stack: string): Cost {
  const settings = stackSettings(CHECKOUT, stack);
  if (settings === undefined) {
    throw new UsageError(`there is no Pulumi.${stack}.yaml`, { next: 'name another stack with --stack' });
  }
  return costOfSettings(settings);
}

function costOfPreview(input: string): Cost {
  const preview = parsePreview(input);
  if (preview.form === 'digest') {
    throw new UsageError('this form of the preview names changed resources only', {
      next: 'set PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true for pulumi preview --json',
    });
  }
  const { plan, region } = factsOfPreview(preview, CHECKOUT);
  const resources = preview.resources.flatMap(({ operation, type, name, after }) =>
    operation === 'delete' || after === undefined ? [] : [{ type, name, inputs: after.inputs }],
  );
  return costOfResources(resources, {
    region,
    backupBytes: plan === undefined ? undefined : 2 * plan.backup.fullBytes,
  });
}

function costTable(cost: Cost): string {
  if (cost.items.length === 0) return 'Nothing here is paid by the month.\n';
  const rows = cost.items.map(({ name, usdPerMonth, basis }) => [name, usdPerMonth?.toFixed(2) ?? 'unknown', basis]);
  return (
    table(['resource', 'USD a month', 'of'], rows, [1]) +
    `\nTogether ${costText(cost)}.\n${cost.pricesSource} of ${cost.region ?? 'no region'} as of ${cost.pricesAsOf}; taxes, discounts and traffic are not in it.\n`
  );
}
