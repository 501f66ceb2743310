/** SCRAM-SHA-256 verifiers, made here so that a password is never part of a statement a server could log. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** PostgreSQL's default (scram_iterations). */
const ITERATIONS = 4096;
const SALT_BYTES = 16;

/** A verifier or an md5 hash that the server stores as it is. */
export function isVerifier(password: string): boolean {
  return /^SCRAM-SHA-256\$\d+:[^$]+\$[^:]+:.+$/.test(password) || /^md5[0-9a-f]{32}$/.test(password);
}

/**
 * What to send as a role's password: a verifier as it is; a password of printable ASCII as a new verifier; any other
 * as it is, because RFC 5802 wants it normalized by SASLprep, which the server does.
 */
export function passwordForServer(password: string): string {
  if (isVerifier(password) || !/^[\x20-\x7e]+$/.test(password)) return password;
  return scramVerifier(password, randomBytes(SALT_BYTES), ITERATIONS);
}

/** The stored form of a password: RFC 5803, as src/common/scram-common.c writes it. */
export function scramVerifier(password: string, salt: Buffer, iterations: number): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const key = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`;
}
