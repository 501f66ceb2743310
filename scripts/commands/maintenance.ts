/** `qbench maintenance weekly|monthly`: the guide's maintenance, each step with its reason, and what people decide themselves. */
import type { Command } from 'commander';
import type { MaintenanceKind } from '../../infra/ops/maintenance/plan';
import { maintain, type MaintenanceReport } from '../../infra/ops/maintenance/run';
import { stackOf, type CliContext } from '../support/context';
import { desiredState } from '../support/indexState';
import { refuseLostData, watched, type Watched } from '../support/monitoring';
import { bytes, table } from '../support/output';

const DESCRIPTIONS: Readonly<Record<MaintenanceKind, string>> = {
  weekly: 'vacuums and analyses what autovacuum left behind; tells unused and duplicate indexes',
  monthly: 'rebuilds bloated vector indexes, then vacuums everything; tells the capacity forecast too',
};

export function register(program: Command, context: CliContext): void {
  const maintenance = program
    .command('maintenance')
    .description('weekly and monthly maintenance, each step with its reason');
  for (const kind of ['weekly', 'monthly'] as const) {
    maintenance
      .command(kind)
      .description(DESCRIPTIONS[kind])
      .option('--dry-run', 'tells what would be done, and why')
      .option('--json', 'as JSON')
      .action(async (options: { dryRun?: boolean; json?: boolean }, command: Command) => {
        const what = watched(context, command);
        refuseLostData(what);
        const report = await maintain(context.database(command), {
          kind,
          dryRun: options.dryRun === true,
          indexes: await desiredState(context, stackOf(command), {}, false),
          clock: context.clock,
          progress: context.progress(),
          signal: context.signal,
        });
        const forecast = kind === 'monthly' ? forecastOf(what) : undefined;
        if (options.json === true) context.json({ ...report, ...(forecast === undefined ? {} : { forecast }) });
        else context.write(forPeople(report, forecast, options.dryRun === true));
      });
  }
}

interface Forecast {
  horizonMonths: number;
  databaseBytesAtHorizon: number;
  monthsUntilMemoryFull: number | null;
  monthsUntilDiskFull: number | null;
}

function forecastOf({ plan }: Watched): Forecast {
  return {
    horizonMonths: plan.horizon.months,
    databaseBytesAtHorizon: plan.horizon.databaseBytes,
    monthsUntilMemoryFull: plan.forecast.monthsUntilMemoryFull ?? null,
    monthsUntilDiskFull: plan.forecast.monthsUntilDiskFull ?? null,
  };
}

function forPeople(report: MaintenanceReport, forecast: Forecast | undefined, dryRun: boolean): string {
  const lines: string[] = [];
  if (report.steps.length === 0) lines.push(`nothing to do: autovacuum keeps up, and no vector index is bloated`);
  else {
    const rows = report.steps.map(({ what, target, reason, seconds }) => [
      what,
      target,
      seconds === undefined ? '' : `${seconds} s`,
      reason,
    ]);
    lines.push(table([dryRun ? 'would' : 'did', 'target', 'took', 'because'], rows, [2]).trimEnd());
  }
  if (!dryRun && report.bytesAfter !== report.bytesBefore)
    lines.push(`database ${bytes(report.bytesBefore)} -> ${bytes(report.bytesAfter)}`);
  if (report.unused.length > 0) lines.push(`not used since the statistics were reset: ${report.unused.join(', ')}`);
  for (const { name, coveredBy, equal } of report.duplicates)
    lines.push(`${name} ${equal ? 'is the same as' : 'is the beginning of'} ${coveredBy}`);
  if (forecast !== undefined) {
    const month = (value: number | null): string => (value === null ? 'not within ten years' : `in ${value} months`);
    lines.push(
      `forecast: ${bytes(forecast.databaseBytesAtHorizon)} in ${forecast.horizonMonths} months; memory full ${month(forecast.monthsUntilMemoryFull)}, ` +
        `disk full ${month(forecast.monthsUntilDiskFull)} (qbench plan --actual compares with what is there)`,
    );
  }
  return `${lines.join('\n')}\n`;
}
