import { interpolate, log, secret } from '@pulumi/pulumi';
import { ApplicationDatabase } from '../components/database';
import { LocalServer } from '../components/localServer';
import { Roles } from '../components/roles';
import { Schema } from '../components/schema';
import { probeServer } from '../machine';
import { ROLE_NAMES } from '../naming';
import { parameterChanges } from '../postgres/change';
import { postgresqlConf } from '../postgres/parameters';
import { ARCHIVE_TIMEOUT_SECONDS } from '../postgres/pgbackrest';
import type { LocalSettings } from '../settings';
import type { TierOutputs } from './outputs';
import { capacityOutput, indexesFor, inWords, LOCAL_CORES, planFor } from './plan';

/** A PostgreSQL + pgvector server on the user's machine, with the same objects inside as every other tier. */
export function deployLocal(settings: LocalSettings, stack: string): TierOutputs {
  const { local, backup } = settings;
  const native = backup.engine === 'native';
  const plan = planFor(settings, { memoryMiB: local.memoryMiB, cores: LOCAL_CORES });
  const configuration = inWords(() =>
    postgresqlConf({
      tier: 'local',
      plan: plan.server,
      version: settings.postgresVersion,
      ...(native ? { archiving: { timeoutSeconds: ARCHIVE_TIMEOUT_SECONDS, summarizeWal: true } } : {}),
      overrides: settings.postgresParameters,
    }),
  );
  const probe = probeServer(stack);
  tellParameterChanges(probe.parameters, configuration.parameters);
  // Everything, not only what holds data: a destroy that is refused shall have stopped nothing before.
  const protect = { protect: settings.protectData };
  const server = new LocalServer(
    'local',
    {
      stack,
      port: local.port,
      source: { kind: local.postgresSource, ...(local.binDir === undefined ? {} : { binDir: local.binDir }) },
      ...(local.osUser === undefined ? {} : { osUser: local.osUser }),
      ...(local.dataDir === undefined ? {} : { dataDir: local.dataDir }),
      parameters: configuration.parameters,
      ...(native ? { backup: backup.repositoryDir === undefined ? {} : { repositoryDir: backup.repositoryDir } } : {}),
      generation: probe.generation,
    },
    protect,
  );
  // Whatever lives in the server goes with it: a destroy needs no connection, and works when the server is gone.
  const inside = { provider: server.provider, deletedWith: server.server, dependsOn: server.server, ...protect };
  const roles = new Roles('roles', { ...settings.database }, inside);
  const database = new ApplicationDatabase('database', { roles }, inside);
  new Schema(
    'schema',
    {
      stack,
      database: database.databaseName,
      indexes: indexesFor(settings, plan),
      sampleData: local.sampleData,
      provenBackup: settings.environment === 'production',
    },
    { deletedWith: server.server, dependsOn: database, ...protect },
  );
  const databaseUrl = interpolate`postgresql://${ROLE_NAMES.app}:${roles.passwords.app}@${server.host}:${server.port}/${database.databaseName}`;
  return {
    tier: 'local',
    endpoint: server.host,
    port: server.port,
    database: database.databaseName,
    databaseUrl: secret(databaseUrl),
    connectCommand: `npm run qbench -- psql --stack ${stack}`,
    capacity: capacityOutput(plan),
    backupRepository: native ? (backup.repositoryDir ?? probe.repositoryDir) : '',
    dashboardUrl: '',
  };
}

/** Says in the preview what each changed parameter needs. */
function tellParameterChanges(
  before: Readonly<Record<string, string>> | undefined,
  after: Readonly<Record<string, string>>,
): void {
  if (before === undefined) return;
  const changes = parameterChanges(before, after).map(
    (change) => `${change.name}: ${change.before ?? 'default'} -> ${change.after ?? 'default'} (${change.needs})`,
  );
  if (changes.length > 0) void log.info(`parameters that change: ${changes.join(', ')}`);
}
