/** Sessions of SSM Session Manager, carried by AWS's own program: only it speaks their protocol. */
import { StartSessionCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { OperatorError } from '../../ops/errors';
import type { Clock } from '../../ops/ports';
import { ProcessRunner } from '../processRunner';
import { awsCall, awsErrorName } from './clients';
import { notOnline } from './ssmHost';

export const SESSION_PLUGIN = 'session-manager-plugin';
/** The first that takes the session's token from its environment: arguments are everybody's to read. */
const PLUGIN_MINIMUM = '1.2.497.0';
const RESPONSE = 'AWS_SSM_START_SESSION_RESPONSE';
const INSTALL =
  'install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html ' +
  '(macOS: brew install --cask session-manager-plugin); inside the VPC access: direct needs none';

export interface SessionArgs {
  client: SSMClient;
  clock: Clock;
  region: string;
  instanceId: string;
  /** Document of the session and its parameters. @default a shell */
  document?: { name: string; parameters: Record<string, string[]> };
  /** Environment of the plugin; the session's token is added to it. */
  env: NodeJS.ProcessEnv;
}

/** @throws OperatorError where the plugin is missing or too old, with how to get it */
export async function checkPlugin(env: NodeJS.ProcessEnv): Promise<void> {
  let version: string;
  try {
    version = (await new ProcessRunner(env).run(SESSION_PLUGIN, ['--version'])).stdout.trim();
  } catch (error) {
    throw new OperatorError(`${SESSION_PLUGIN} is not on PATH: it carries connections to the host through SSM`, {
      next: INSTALL,
      cause: error,
    });
  }
  if (version.localeCompare(PLUGIN_MINIMUM, 'en', { numeric: true }) >= 0) return;
  throw new OperatorError(`${SESSION_PLUGIN} ${version} is too old`, {
    allowed: `${PLUGIN_MINIMUM} or newer`,
    next: INSTALL,
  });
}

/**
 * Starts a session.
 * @returns how the plugin is to be called, as the AWS CLI calls it: response, region, operation, profile, request, endpoint
 * @throws OperatorError where the plugin is missing, or the host is not online
 */
export async function startSession(args: SessionArgs): Promise<{ args: string[]; env: NodeJS.ProcessEnv }> {
  const { client, clock, region, instanceId, document, env } = args;
  await checkPlugin(env);
  const request = {
    Target: instanceId,
    ...(document === undefined ? {} : { DocumentName: document.name, Parameters: document.parameters }),
  };
  const session = await awsCall(`opening a session to host ${instanceId}`, 'ssm:StartSession', async () => {
    try {
      return await client.send(new StartSessionCommand(request));
    } catch (error) {
      if (awsErrorName(error) === 'TargetNotConnected') throw await notOnline(client, instanceId, clock);
      throw error;
    }
  });
  const { SessionId, TokenValue, StreamUrl } = session;
  return {
    args: [RESPONSE, region, 'StartSession', '', JSON.stringify(request), `https://ssm.${region}.amazonaws.com`],
    env: { ...env, [RESPONSE]: JSON.stringify({ SessionId, TokenValue, StreamUrl }) },
  };
}
