/** Who uses a stack's database at this moment. */
import { ROLE_NAMES } from '../../naming';
import type { CommandRunner, Queryable } from '../ports';
import { quoteLiteral, sqlText } from '../sqlText';

const QUERY = 'queries/stack-clients';

/** @returns "psql of qbench_app", one for each session */
export async function connectedClients(session: Queryable): Promise<string[]> {
  const { rows } = await session.query<{ client: string }>(sqlText(QUERY), [ROLE_NAMES.monitor]);
  return rows.map(({ client }) => client);
}

/**
 * The same question, asked by psql on the host itself.
 * @param runner runs as the user who owns the server
 * @returns `unknown` where the server does not answer
 */
export async function clientsOnHost(runner: CommandRunner): Promise<string[] | 'unknown'> {
  const text = sqlText(QUERY).replaceAll('$1', quoteLiteral(ROLE_NAMES.monitor));
  const result = await runner.run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres'], { stdin: text });
  if (result.code !== 0) return 'unknown';
  return result.stdout.split('\n').filter((line) => line !== '');
}
