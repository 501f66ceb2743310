/** Door to the scheduled backups: a slot of the schedule, the end of a step on the host, or the hourly look. */
import { SsmBackupRuns } from '../adapters/aws/backupRuns';
import { ssmClient } from '../adapters/aws/clients';
import { HostDocument } from '../adapters/aws/hostDocument';
import { lambdaHandler, lambdaTelemetry } from '../adapters/lambda/telemetry';
import { systemClock } from '../adapters/systemClock';
import { onBackupEvent } from '../ops/scheduledBackup/advance';
import { readEnvironment } from './environment';

const { region, stack, instanceId, document } = readEnvironment();
const telemetry = lambdaTelemetry('backup', stack);
const runs = new SsmBackupRuns(new HostDocument({ client: ssmClient(region), document, instanceId }), systemClock);

export const handler = lambdaHandler(telemetry, (event) =>
  onBackupEvent(event, { runs, metrics: telemetry.metrics, log: telemetry.log, clock: systemClock }),
);
