/**
 * Property values as the engine sends and takes them: JSON, plus secrets and values not known yet.
 *
 * The wire form is a google.protobuf.Struct in which a secret is an object with a signature key and an unknown is a
 * reserved string (https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go). Assets and archives
 * are signed objects too; the plugins hand them through as they are.
 */

/** The key that marks a signed object. */
export const SIGNATURE_KEY = '4dabf18193072939515e22adb298388d';
const SECRET_SIGNATURE = '1b47061264138c4ac30d75fd1eb44270';
/** Signature of an asset (a file or a text). */
export const ASSET_SIGNATURE = 'c44067f5952c0a294b673a41bacd8c17';
/** Signature of an archive (a set of assets). */
export const ARCHIVE_SIGNATURE = '0def7320c3a5731c473e5ecbe6d01bc7';

/** Every reserved string that stands for "not known yet": string, bool, number, array, asset, archive, object. */
const UNKNOWN_STRINGS: readonly string[] = [
  '04da6b54-80e4-46f7-96ec-b56ff0331ba9',
  '1c4a061d-8072-4f0a-a4cb-0ff528b18fe7',
  '3eeb2bf0-c639-47a8-9e75-3b44932eb421',
  '6a19a0b0-7e62-4c92-b797-7f8e31da9cc2',
  '030794c1-ac77-496b-92df-f27374a8bd58',
  'e48ece36-62e2-4504-bad9-02848725956a',
  'dd056dcd-154b-4c76-9bd3-c8f88648b5ff',
];

/** A value the state must keep encrypted. */
export class Secret {
  constructor(readonly value: Value) {}
}

/** A value that a preview does not know yet. */
export class Unknown {
  static readonly instance = new Unknown();
  private constructor() {}
}

export type Value =
  null | boolean | number | string | Secret | Unknown | readonly Value[] | { readonly [key: string]: Value };
export type Properties = Record<string, Value>;
/** A value without secrets and unknowns: what a resource works with. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };
export type PlainProperties = Record<string, Plain>;

/** True for a map, false for null, arrays, secrets and unknowns. */
export function isMap<T>(value: T): value is T & { readonly [key: string]: never } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Secret) &&
    !(value instanceof Unknown)
  );
}

/** From the JavaScript form of a protobuf Struct. */
export function fromWire(value: unknown): Value {
  if (typeof value === 'string') return UNKNOWN_STRINGS.includes(value) ? Unknown.instance : value;
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(fromWire);
  const object = value as Record<string, unknown>;
  if (object[SIGNATURE_KEY] === SECRET_SIGNATURE) {
    const inner = fromWire(object['value']);
    return inner instanceof Secret ? inner : new Secret(inner);
  }
  return propertiesFromWire(object);
}

/** The properties of a message's Struct; an absent Struct has none. */
export function propertiesFromWire(object: object | undefined): Properties {
  return Object.fromEntries(Object.entries(object ?? {}).map(([key, value]) => [key, fromWire(value)]));
}

/** To the JavaScript form of a protobuf Struct. */
export function toWire(value: Value): unknown {
  if (value instanceof Unknown) return UNKNOWN_STRINGS[0];
  if (value instanceof Secret) return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value: toWire(value.value) };
  if (Array.isArray(value)) return (value as readonly Value[]).map(toWire);
  if (isMap(value)) return propertiesToWire(value);
  return value;
}

/** The properties for a message's Struct. */
export function propertiesToWire(properties: Properties): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, toWire(value)]));
}

/** The value with every secret unwrapped; unknowns stay. */
export function reveal(value: Value): Value {
  if (value instanceof Secret) return reveal(value.value);
  if (Array.isArray(value)) return (value as readonly Value[]).map(reveal);
  if (isMap(value))
    return Object.fromEntries(Object.entries(value as Properties).map(([key, item]) => [key, reveal(item)]));
  return value;
}

/** True when the value is unknown or has an unknown part. */
export function hasUnknown(value: Value): boolean {
  if (value instanceof Unknown) return true;
  if (value instanceof Secret) return hasUnknown(value.value);
  if (Array.isArray(value)) return (value as readonly Value[]).some(hasUnknown);
  return isMap(value) && Object.values(value).some(hasUnknown);
}

/** True when the value is secret or has a secret part. */
export function hasSecret(value: Value): boolean {
  if (value instanceof Secret) return true;
  if (Array.isArray(value)) return (value as readonly Value[]).some(hasSecret);
  return isMap(value) && Object.values(value).some(hasSecret);
}

/**
 * The properties as a resource works with them: no secrets, nothing absent.
 * @throws Error when one is unknown: the engine calls a resource only with known values, except in a preview
 */
export function toPlain(properties: Properties): PlainProperties {
  const plain: PlainProperties = {};
  for (const [key, value] of Object.entries(properties)) {
    if (hasUnknown(value)) throw new Error(`property ${key} is not known yet`);
    plain[key] = reveal(value) as Plain;
  }
  return plain;
}

/** Deep equality of values without regard to secrecy; an unknown equals nothing, not even another unknown. */
export function sameValue(left: Value, right: Value): boolean {
  if (left instanceof Secret) return sameValue(left.value, right);
  if (right instanceof Secret) return sameValue(left, right.value);
  if (left instanceof Unknown || right instanceof Unknown) return false;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item: Value, index) => sameValue(item, right[index] as Value));
  }
  if (isMap(left) && isMap(right)) {
    const [a, b] = [left as Properties, right as Properties];
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => key in b && sameValue(a[key] ?? null, b[key] ?? null))
    );
  }
  return left === right;
}

/** Every non-empty text that lies inside a secret: what must never be printed. */
export function secretTexts(value: Value, inside = false): string[] {
  if (value instanceof Secret) return secretTexts(value.value, true);
  if (typeof value === 'string') return inside && value !== '' ? [value] : [];
  if (Array.isArray(value)) return (value as readonly Value[]).flatMap((item) => secretTexts(item, inside));
  return isMap(value) ? Object.values(value as Properties).flatMap((item) => secretTexts(item, inside)) : [];
}

/** A text property, '' when it is absent or no text. */
export function textOf(properties: PlainProperties, key: string): string {
  const value = properties[key];
  return typeof value === 'string' ? value : '';
}
