/** Texts that hold a secret in clear. */

const SECRETS: readonly RegExp[] = [
  /[a-z][a-z0-9+.-]*:\/\/[^\s:@/"]+:(?!\[secret\])[^\s@/"]{3,}@/i,
  /SCRAM-SHA-256\$\d+:/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bPGPASSWORD=(?!["']?\$)[^\s"']{3,}/,
  /(?:^|[\s;])--?password[= ](?!["']?\$)[^\s"'-][^\s"']{2,}/i,
];

/** Whether a text holds a password in a URL, a verifier, a private key, an access key, or a password given to a command. */
export function looksSecret(text: string): boolean {
  return SECRETS.some((pattern) => pattern.test(text));
}
