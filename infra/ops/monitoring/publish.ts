/** Values for machines: CloudWatch's embedded metric format and Prometheus' text format. Pure. */
import type { ResolvedThreshold } from '../thresholds';
import type { Measurements } from './measure';

/**
 * One line of the embedded metric format: every value of a round, under the dimension `stack`.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function emfLine(
  values: Measurements,
  thresholds: readonly ResolvedThreshold[],
  where: { namespace: string; stack: string; at: string },
): string {
  const measured = thresholds.filter(({ name }) => values.has(name));
  return JSON.stringify({
    _aws: {
      Timestamp: Date.parse(where.at),
      CloudWatchMetrics: [
        {
          Namespace: where.namespace,
          Dimensions: [['stack']],
          Metrics: measured.map(({ metric, unit }) => ({ Name: metric, Unit: unit })),
        },
      ],
    },
    stack: where.stack,
    ...Object.fromEntries(measured.map(({ name, metric }) => [metric, values.get(name)?.value])),
  });
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export function prometheusText(
  values: Measurements,
  thresholds: readonly ResolvedThreshold[],
  where: { stack: string },
): string {
  const label = where.stack.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return thresholds
    .flatMap(({ name, prometheus, title }) => {
      const value = values.get(name)?.value;
      if (value === undefined) return [];
      return [
        `# HELP ${prometheus} ${title}`,
        `# TYPE ${prometheus} gauge`,
        `${prometheus}{stack="${label}"} ${value}`,
        '',
      ];
    })
    .join('\n');
}
