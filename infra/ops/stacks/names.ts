/** Names of test stacks: short enough for everything that is named after them, and free. Pure. */
import { UsageError } from '../errors';

/** Letters that are not taken for each other. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const RANDOM_LETTERS = 6;

/**
 * Longest name: a bucket is called `qbench-postgres-NAME-backups-` and 12 digits of the account, and has at most 63 characters
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
 */
export const NAME_MAX = 24;

const NAME = new RegExp(`^[a-z][a-z0-9-]{0,${NAME_MAX - 2}}[a-z0-9]$`);

/** @throws UsageError where a bucket, a role or a folder could not bear the name */
export function checkStackName(name: string): void {
  if (NAME.test(name) && !name.includes('--')) return;
  throw new UsageError(`"${name}" cannot be the name of a test stack`, {
    allowed: `2 to ${NAME_MAX} small letters, digits and single hyphens; a letter first`,
    next: 'leave the name out: qbench stack create makes one up',
  });
}

/**
 * @param taken names that are in use
 * @param random numbers from 0 up to 1, such as Math.random gives
 */
export function freeStackName(taken: ReadonlySet<string>, random: () => number): string {
  for (;;) {
    const letters = Array.from({ length: RANDOM_LETTERS }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]);
    const name = `t-${letters.join('')}`;
    if (!taken.has(name)) return name;
  }
}
