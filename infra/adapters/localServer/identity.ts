/** Whom the server runs as. PostgreSQL refuses root, so root lends it another user; anybody else runs it as himself. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { OperatorError } from '../../ops/errors';
import type { Identity } from '../processRunner';

/** Users tried in turn when root names none. */
const CANDIDATES = ['postgres', 'nobody'];

export interface ServerUser {
  name: string;
  /** Present only where the server's user is not the caller: the caller is root then. */
  identity?: Identity;
}

/**
 * @param wanted name of the user, from the setting `local.osUser`; chosen for root when absent
 * @throws OperatorError where the user does not exist, is root, or another user was wanted by somebody who is not root
 */
export function serverUser(wanted?: string): ServerUser {
  const self = userInfo();
  if (self.uid !== 0) {
    if (wanted !== undefined && wanted !== self.username) {
      throw new OperatorError(
        `local.osUser is "${wanted}", but you are "${self.username}" and only root can start it as another`,
        {
          next: 'remove local.osUser, or run as root',
        },
      );
    }
    return { name: self.username };
  }
  const passwd = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const names = wanted === undefined ? CANDIDATES : [wanted];
  for (const name of names) {
    const entry = passwd.find((fields) => fields[0] === name);
    if (entry === undefined) continue;
    const uid = Number(entry[2]);
    const gid = Number(entry[3]);
    if (uid === 0)
      throw new OperatorError('PostgreSQL cannot run as root', { next: 'set local.osUser to an unprivileged user' });
    return { name, identity: { uid, gid } };
  }
  throw new OperatorError(`no user of this machine is called ${names.map((n) => `"${n}"`).join(' or ')}`, {
    next: 'set local.osUser to an existing unprivileged user',
  });
}
