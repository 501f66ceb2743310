/** Ids and ARNs of the shape that AWS gives, in an account that does not exist. */
import { randomBytes } from 'node:crypto';

/** AWS's own example account. */
export const ACCOUNT_ID = '111122223333';
/** Region of every ARN that the plugin gives. */
export const REGION = 'eu-central-1';

/** Random hexadecimal digits. */
export function hex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}

export function arn(service: string, resource: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${resource}`;
}
