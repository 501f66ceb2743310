/** Metrics and log lines of a Lambda, as CloudWatch reads them from its output: EMF and JSON, by Powertools. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, type MetricUnit as Units } from '@aws-lambda-powertools/metrics';
import { messageOf } from '../../ops/errors';
import { METRIC_DIMENSION, METRIC_NAMESPACE } from '../../naming';
import type { MetricSink, MetricUnit, OperationsLog } from '../../ops/telemetry';

type Unit = (typeof Units)[keyof typeof Units];

interface Measured {
  name: string;
  value: number;
  unit: MetricUnit;
  at: Date | undefined;
}

export interface Telemetry {
  log: OperationsLog;
  metrics: MetricSink;
  /** Writes the metrics that were put; whatever happened, they are told. */
  flush(): void;
  /** Names the call in every line that follows. */
  callOf(requestId: string): void;
}

/**
 * @param service name of the Lambda in log lines
 * @param stack dimension of every metric
 */
export function lambdaTelemetry(service: string, stack: string): Telemetry {
  const logger = new Logger({ serviceName: service, persistentLogAttributes: { stack } });
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName: service });
  // One dimension: an alarm or a graph names the stack and nothing else.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ [METRIC_DIMENSION]: stack });
  let measured: Measured[] = [];
  return {
    log: {
      info: (message, details = {}) => logger.info(message, details),
      warn: (message, details = {}) => logger.warn(message, details),
      error: (message, details = {}) => logger.error(message, details),
    },
    metrics: { put: (name, value, unit, at) => void measured.push({ name, value, unit, at }) },
    callOf: (requestId) => logger.appendKeys({ requestId }),
    flush: () => {
      // One line of EMF has one time.
      const times = [...new Set(measured.map(({ at }) => at?.getTime()))];
      for (const time of times) {
        for (const { name, value, unit, at } of measured) {
          if (at?.getTime() === time) metrics.addMetric(name, unit satisfies Unit, value);
        }
        if (time !== undefined) metrics.setTimestamp(time);
        metrics.publishStoredMetrics();
      }
      measured = [];
    },
  };
}

/** What AWS gives a handler of its call, as far as it is used. */
export interface LambdaCall {
  awsRequestId?: string;
}

/**
 * Wraps the work of a handler: a call named in the log, metrics written also where it fails, and the failure logged with its
 * stack before it goes on to the failure destination.
 */
export function lambdaHandler<T>(
  telemetry: Telemetry,
  work: (event: unknown) => Promise<T>,
): (event: unknown, call?: LambdaCall) => Promise<T> {
  return async (event, call) => {
    telemetry.callOf(call?.awsRequestId ?? 'none');
    try {
      return await work(event);
    } catch (error) {
      telemetry.log.error('the call failed', {
        reason: messageOf(error),
        stack: error instanceof Error ? error.stack : undefined,
      });
      throw error;
    } finally {
      telemetry.flush();
    }
  };
}
