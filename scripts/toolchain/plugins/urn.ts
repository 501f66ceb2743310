/** Reading a URN: `urn:pulumi:STACK::PROJECT::TYPE$TYPE::NAME`. */

/** The type token: the last of the `$`-separated types. */
export function typeOfUrn(urn: string): string {
  return urn.split('::')[2]?.split('$').pop() ?? '';
}

/** The resource's name: everything after the third `::`. */
export function nameOfUrn(urn: string): string {
  return urn.split('::').slice(3).join('::');
}
