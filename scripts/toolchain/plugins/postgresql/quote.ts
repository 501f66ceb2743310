/** Quoting for statements that take no bind parameters. */

/** A name as SQL reads it back exactly: in double quotes, which it doubles. @throws Error on a NUL byte */
export function ident(name: string): string {
  if (name.includes('\0')) throw new Error('a name must not have a NUL byte in it');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL reads it back exactly, whatever standard_conforming_strings is. @throws Error on a NUL byte */
export function literal(text: string): string {
  if (text.includes('\0')) throw new Error('a text must not have a NUL byte in it');
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** A grantee: the role, or PUBLIC, which is a keyword and no name. */
export function grantee(role: string): string {
  return role.toLowerCase() === 'public' ? 'PUBLIC' : ident(role);
}
