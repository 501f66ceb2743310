/** The part of the log's redaction that no line of postgresql.conf can do; see sql/maintenance/session-logging.sql. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';

/**
 * Keeps errors of clients out of the server's log. Changes nothing where it is so already.
 * @param session a superuser's; the levels are those of the whole server, for roles that exist and roles to come
 */
export async function ensureSessionLogging(session: Queryable): Promise<void> {
  const { rows } = await session.query<{ inForce: boolean }>(sqlText('queries/parameters-session-logging'));
  if (rows[0]?.inForce !== true) await session.query(sqlText('maintenance/session-logging'));
}
