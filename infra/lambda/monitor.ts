/** Door to the monitor: a planned snapshot, or the end of one on the host. */
import { ssmClient } from '../adapters/aws/clients';
import { HostDocument } from '../adapters/aws/hostDocument';
import { SsmSnapshotRuns } from '../adapters/aws/snapshotRuns';
import { httpGet } from '../adapters/httpGet';
import { lambdaHandler, lambdaTelemetry } from '../adapters/lambda/telemetry';
import { systemClock } from '../adapters/systemClock';
import { unpackPlan } from '../ops/hostMonitor/packing';
import { onMonitorEvent } from '../ops/hostMonitor/watch';
import { readEnvironment } from './environment';

const { region, stack, instanceId, document, plan } = readEnvironment(['plan']);
const telemetry = lambdaTelemetry('monitor', stack);
const tools = {
  runs: new SsmSnapshotRuns(new HostDocument({ client: ssmClient(region), document, instanceId })),
  metrics: telemetry.metrics,
  log: telemetry.log,
  clock: systemClock,
  http: httpGet,
  plan: unpackPlan(plan),
};

export const handler = lambdaHandler(telemetry, (event) => onMonitorEvent(event, tools));
