/** Door to the monitor: a planned snapshot, or the end of one on the host. */
import { ssmClient } from '../adapters/aws/clients';
import { HostDocument } from '../adapters/aws/hostDocument';
import { SsmSnapshotRuns } from '../adapters/aws/snapshotRuns';
import { lambdaHandler, lambdaTelemetry } from '../adapters/lambda/telemetry';
import { systemClock } from '../adapters/systemClock';
import { onMonitorEvent } from '../ops/hostMonitor/watch';
import { readEnvironment } from './environment';

const { region, stack, instanceId, document } = readEnvironment();
const telemetry = lambdaTelemetry('monitor', stack);
const runs = new SsmSnapshotRuns(new HostDocument({ client: ssmClient(region), document, instanceId }));

export const handler = lambdaHandler(telemetry, (event) =>
  onMonitorEvent(event, { runs, metrics: telemetry.metrics, log: telemetry.log, clock: systemClock }),
);
