/** Keeps secrets out of a report. The engine masks what it knows as secret; this masks what only looks like it too. */

export const MASK = '[secret]';

/** Key by which the SDK marks a value that is not plain: secrets, assets, outputs. */
const SIGNATURE = '4dabf18193072939515e22adb298388d';

/** Names of properties whose values are never shown. ARNs and ids of secrets are no secrets. */
const SECRET_NAME =
  /(passw(or)?d|passphrase|secret(string|binary|key|value)|token|private_?key|credential|verifier|database_?url|connection_?string)$/i;

/** Texts that hold a secret, each with what may stay. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, `$1:${MASK}@`],
  [/SCRAM-SHA-256\$[^\s"']+/g, MASK],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
  [/\b(AKIA|ASIA)[0-9A-Z]{16}\b/g, MASK],
  [/\b(gh[pousr]_|pul-|xox[abp]-)[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(pass(word|phrase)?|PGPASSWORD|secret|token)(["']?\s*[=:]\s*["']?)(?!\[secret\])[^\s"',;]{4,}/gi, `$1$3${MASK}`],
];

/** A text for people, without what looks like a secret. */
export function maskText(text: string): string {
  return SECRET_TEXT.reduce((masked, [pattern, kept]) => masked.replace(pattern, kept), text);
}

/** Whether the value of this property must not be shown. */
export function isSecret(path: string, value: unknown): boolean {
  if (value === MASK) return true;
  if (typeof value === 'object' && value !== null && SIGNATURE in value) return true;
  const name = /([A-Za-z0-9_-]+)(?:"?\])?$/.exec(path)?.[1] ?? path;
  return SECRET_NAME.test(name);
}
