import { Dashboard as AwsDashboard } from '@pulumi/aws/cloudwatch/dashboard';
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
  interpolate,
} from '@pulumi/pulumi';
import { METRIC_DIMENSION, METRIC_NAMESPACE, TYPE_PREFIX } from '../naming';
import type { ResolvedThreshold } from '../ops/thresholds';
import type { CloudScope } from './cloudScope';

export interface DashboardArgs {
  scope: CloudScope;
  thresholds: readonly ResolvedThreshold[];
  alarmArns: Input<string>[];
  /** What must still be there when the dashboard goes. */
  last: readonly Resource[];
}

interface Panel {
  title: string;
  /** Names of thresholds; their levels are drawn as lines. */
  rows: readonly string[];
  /** Metrics that have no threshold. */
  metrics?: readonly string[];
}

/** What is asked first stands first: can it be lost, is it fast, is it right, will it fit. */
const PANELS: readonly Panel[] = [
  { title: 'Data at risk (s)', rows: ['dataAtRisk'] },
  { title: 'Backups: age (s)', rows: ['backupAge'], metrics: ['FullBackupAgeSeconds'] },
  { title: 'Backups: duration (s)', rows: [], metrics: ['BackupDurationSeconds'] },
  { title: 'Search latency (ms)', rows: ['searchLatency'] },
  { title: 'Recall@10', rows: ['recall'] },
  { title: 'Searches that fail', rows: ['searchErrors', 'selfMisses'] },
  { title: 'Connections', rows: ['connections'] },
  { title: 'Longest statement, transaction and wait (s)', rows: ['longestQuery', 'longestTransaction', 'lockWait'] },
  { title: 'Cache hit of heap and index (%)', rows: ['heapCacheHit', 'indexCacheHit'] },
  { title: 'Vector indexes against memory (%)', rows: ['memoryFit'] },
  { title: 'Size of the database (bytes)', rows: ['databaseSize'] },
  { title: 'Growth: days until the disk is full', rows: ['diskDaysLeft'] },
  { title: 'Disk used (%)', rows: ['disk'] },
  { title: 'Backups: repository (bytes)', rows: [], metrics: ['BackupRepositoryBytes', 'BackupSizeBytes'] },
  { title: 'Dead rows and rows without embedding (%)', rows: ['deadRows', 'missingEmbeddings'] },
];

const WIDTH = 8;
const HEIGHT = 6;
const ACROSS = 24 / WIDTH;

/** The body of the dashboard: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
export function dashboardBody(
  { region, args: { stack } }: CloudScope,
  thresholds: readonly ResolvedThreshold[],
  alarmArns: readonly string[],
): object {
  const alarms = {
    type: 'alarm',
    x: 0,
    y: 0,
    width: 24,
    height: 4,
    properties: { title: 'Alarms', alarms: alarmArns },
  };
  const graphs = PANELS.map(({ title, rows, metrics = [] }, index) => {
    const found = thresholds.filter(({ name }) => rows.includes(name));
    const [only] = found.length === 1 ? found : [];
    const lines = (['warning', 'critical'] as const).flatMap((level) =>
      only?.[level] === undefined ? [] : [{ label: level, value: only[level] }],
    );
    const graphed = [
      ...found.map(({ metric, statistic }) => [metric, statistic]),
      ...metrics.map((m) => [m, 'Maximum']),
    ];
    return {
      type: 'metric',
      x: (index % ACROSS) * WIDTH,
      y: 4 + Math.floor(index / ACROSS) * HEIGHT,
      width: WIDTH,
      height: HEIGHT,
      properties: {
        title,
        region,
        view: 'timeSeries',
        stacked: false,
        period: found[0]?.periodSeconds ?? 3600,
        metrics: graphed.map(([metric, stat]) => [METRIC_NAMESPACE, metric, METRIC_DIMENSION, stack, { stat }]),
        ...(lines.length === 0 ? {} : { annotations: { horizontal: lines } }),
      },
    };
  });
  return { widgets: [alarms, ...graphs] };
}

/** One dashboard a stack. Cost: none for the first three of an account, 3 USD a month for each beyond. */
export class Dashboard extends ComponentResource {
  readonly url: Output<string>;

  constructor(
    name: string,
    { scope, thresholds, alarmArns, last }: DashboardArgs,
    options: ComponentResourceOptions = {},
  ) {
    super(`${TYPE_PREFIX}:aws:Dashboard`, name, {}, options);
    const board = new AwsDashboard(
      `${name}-board`,
      {
        dashboardName: scope.name('database'),
        dashboardBody: all(alarmArns).apply((arns) => JSON.stringify(dashboardBody(scope, thresholds, arns))),
      },
      // Where the stack is protected this is the first that a destroy meets: it is refused before anything that watches is gone.
      { parent: this, dependsOn: [...last], ...scope.guard(`${name}-board`) },
    );
    const { region } = scope;
    this.url = interpolate`https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${board.dashboardName}`;
    this.registerOutputs({ url: this.url });
  }
}
