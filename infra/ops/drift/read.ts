/** Asks a database what of it was changed past the stack. Reads only. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';
import {
  grantDrift,
  roleDrift,
  settingDrift,
  type Difference,
  type GrantRow,
  type RoleRow,
  type SettingRow,
} from './objects';

/**
 * @param session as a superuser: the files of the server and the rights of others are read
 * @param migrations texts of the migrations
 * @param onHost whether the server is that of a host
 */
export async function databaseDrift(
  session: Queryable,
  migrations: readonly string[],
  onHost: boolean,
): Promise<Difference[]> {
  const roles = await session.query<RoleRow>(sqlText('queries/drift-roles'));
  const grants = await session.query<GrantRow>(sqlText('queries/drift-grants'));
  const settings = await session.query<SettingRow>(sqlText('queries/drift-settings'));
  return [...roleDrift(roles.rows, onHost), ...grantDrift(grants.rows, migrations), ...settingDrift(settings.rows)];
}
