/** Keys that no setting has: what was probably meant, or why there is no such setting. */
import type { SettingsContext } from './context';
import { keyOf, type Mistake } from './errors';
import { schemaAt } from './fields';
import { settingPaths } from './keys';
import { settingsSchema } from './schema';
import { nearest } from './suggest';
import { z } from 'zod';

/** Keys that people look for and that are not settings, with the reason. */
const NOT_SETTINGS: readonly { pattern: RegExp; reason: string }[] = [
  {
    pattern: /pass(word|wd|phrase)?|secret|token|credential/i,
    reason:
      'passwords are not settings: the program makes them and keeps them encrypted; remove this value from the file, and from its history',
  },
  {
    pattern: /^database\.(name|database|user|username|role|owner|schema)$|^(databaseName|dbName|roleName)$/i,
    reason:
      'the names of the database, its schema and its roles are part of the contract with the application and cannot be set',
  },
];

/** The mistake of a key that no setting has. Nothing of its value is shown: it may be a secret under a misspelt name. */
export function unknownKey(path: readonly PropertyKey[]): Mistake {
  const key = keyOf(path);
  const problem = 'there is no such setting';
  const refused = NOT_SETTINGS.find(({ pattern }) => pattern.test(key));
  if (refused !== undefined) return { key, problem, hint: refused.reason };

  const parent = path.slice(0, -1);
  const name = String(path.at(-1));
  const schema = schemaAt(settingsSchema, parent);
  const siblings = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const hint = suggestion(parent, name, siblings);
  return { key, problem, ...(hint === undefined ? { allowed: siblings.join(', ') } : { hint }) };
}

function suggestion(parent: readonly PropertyKey[], name: string, siblings: readonly string[]): string | undefined {
  // The same name elsewhere is a better guess than a similar name here: `documents` is `workload.documents`.
  const elsewhere = settingPaths().filter((path) => path.split('.').at(-1)?.toLowerCase() === name.toLowerCase());
  const near = nearest(name, siblings);
  const sibling = near === undefined ? undefined : keyOf([...parent, near]);
  const candidates = elsewhere.length > 0 ? elsewhere : sibling === undefined ? [] : [sibling];
  if (candidates.length > 0) return `did you mean ${candidates.join(' or ')}?`;
  const far = nearest(
    name,
    settingPaths().map((path) => path.split('.').at(-1) ?? path),
  );
  const path = settingPaths().find((candidate) => candidate.split('.').at(-1) === far);
  return path === undefined ? undefined : `did you mean ${path}?`;
}

/** Keys of other namespaces that look like ours: `qbench-postgress:tier`. */
export function misspeltNamespaces({ foreignKeys = [], project }: SettingsContext): Mistake[] {
  return foreignKeys.flatMap((key) => {
    const [namespace = '', name = ''] = key.split(':');
    if (namespace === project || nearest(namespace, [project]) === undefined) {
      // A shortened namespace is far by letters, yet meant: `qbench:tier`.
      if (namespace === project || !project.startsWith(`${namespace}-`)) return [];
    }
    return [
      { key, problem: `no program reads the namespace "${namespace}"`, hint: `did you mean ${project}:${name}?` },
    ];
  });
}
