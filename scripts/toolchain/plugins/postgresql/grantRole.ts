/** `postgresql:index/grantRole:GrantRole`: one role's membership in another. */
import type { Operation, ResourceType } from '../provider';
import type { ResourceSpec } from '../spec';
import { textOf, type PlainProperties } from '../values';
import { isMissingObject, type DatabaseServer, type Session } from './connection';
import { splitByWhatExists } from './ids';
import { inputsFromServer } from './inputs';
import { ident } from './quote';

const GRANT_ROLE: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  // the old one's delete would take away the membership that the new one has just granted
  deleteBeforeReplace: (old, next) => old['role'] === next['role'] && old['grantRole'] === next['grantRole'],
  properties: {
    role: { type: 'string', required: true, replaces: true },
    grantRole: { type: 'string', required: true, replaces: true },
    withAdminOption: { type: 'boolean', replaces: true },
  },
};

function idOf(properties: PlainProperties): string {
  const admin = properties['withAdminOption'] === true;
  return [textOf(properties, 'role'), textOf(properties, 'grantRole'), String(admin)].join('_');
}

async function readMembership(session: Session, properties: PlainProperties): Promise<PlainProperties | undefined> {
  const [role, grantRole] = [textOf(properties, 'role'), textOf(properties, 'grantRole')];
  const [row] = await session.ask<{ with_admin_option: boolean }>(
    `reading the membership of ${role} in ${grantRole}`,
    'grantRole',
    [role, grantRole],
  );
  if (row === undefined) return undefined;
  const outputs = { role, grantRole, withAdminOption: row.with_admin_option };
  return { id: idOf(outputs), ...outputs };
}

async function revoke(session: Session, properties: PlainProperties): Promise<void> {
  const [role, grantRole] = [textOf(properties, 'role'), textOf(properties, 'grantRole')];
  await session.query(`revoking role ${grantRole} from ${role}`, `REVOKE ${ident(grantRole)} FROM ${ident(role)}`);
}

/** @param server gives the configured server */
export function grantRoleResource(server: () => DatabaseServer): ResourceType {
  const inTransaction = <T>(operation: Operation, work: (session: Session) => Promise<T>): Promise<T> =>
    server().session(operation, server().database, (session) => session.transaction(() => work(session)));
  return {
    spec: GRANT_ROLE,

    create: (inputs, operation) =>
      inTransaction(operation, async (session) => {
        const [role, grantRole] = [textOf(inputs, 'role'), textOf(inputs, 'grantRole')];
        if ((await readMembership(session, inputs)) !== undefined) await revoke(session, inputs);
        const option = inputs['withAdminOption'] === true ? ' WITH ADMIN OPTION' : '';
        await session.query(
          `granting role ${grantRole} to ${role}`,
          `GRANT ${ident(grantRole)} TO ${ident(role)}${option}`,
        );
        const outputs = await readMembership(session, inputs);
        if (outputs === undefined)
          throw new Error(`the membership of ${role} in ${grantRole} is gone again; someone else revokes it`);
        return { id: idOf(inputs), outputs };
      }),

    async read(id, state, inputs, operation) {
      let properties: PlainProperties | undefined = state;
      if (state['role'] === undefined) {
        const split = await splitByWhatExists(server(), operation, id.replace(/_(true|false)$/, ''), ['role', 'role']);
        properties = split && { role: split[0] ?? '', grantRole: split[1] ?? '' };
      }
      if (properties === undefined) return undefined;
      const known = properties;
      const outputs = await inTransaction(operation, (session) => readMembership(session, known));
      return outputs && { id: outputs['id'] as string, outputs, inputs: inputsFromServer(GRANT_ROLE, inputs, outputs) };
    },

    // every input replaces: there is nothing an update could change
    update: (_id, state) => Promise.resolve(state),

    async delete(_id, state, operation) {
      try {
        await inTransaction(operation, (session) => revoke(session, state));
      } catch (error) {
        // without one of the roles there is no membership
        if (!isMissingObject(error)) throw error;
      }
    },
  };
}
