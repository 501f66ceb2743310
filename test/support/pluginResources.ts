/** The offline postgresql plugin's resources for tests against a real server: called as the plugin's own server calls them. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject } from 'vitest';
import { checkInputs } from '../../scripts/toolchain/plugins/check';
import { diffProperties } from '../../scripts/toolchain/plugins/diff';
import { postgresqlPlugin } from '../../scripts/toolchain/plugins/postgresql';
import type { Created, Operation, ResourceType } from '../../scripts/toolchain/plugins/provider';
import { textOf, type PlainProperties } from '../../scripts/toolchain/plugins/values';
import { must } from './must';

export const server = inject('server');
export const tag = randomBytes(4).toString('hex');
/** Names that need quoting, and have underscores in them. */
export const DB = `plug ${tag} "db"`;
export const OWNER = `plug_${tag}_Owner's`;
export const APP = `plug_${tag}_app`;
export const operation: Operation = { urn: '', name: 'x', signal: new AbortController().signal, log: () => undefined };
export const asPostgres = {
  host: server.host,
  port: server.port,
  username: 'postgres',
  password: server.superuserPassword,
  sslmode: 'disable',
};

export function type(name: string): ResourceType {
  return must(postgresqlPlugin.resources[`postgresql:index/${name.charAt(0).toLowerCase()}${name.slice(1)}:${name}`]);
}

/** Inputs as the engine hands them on: checked, with defaults. */
export function checked(name: string, news: PlainProperties): PlainProperties {
  const { inputs, failures } = checkInputs(name, type(name).spec, news);
  expect(failures).toEqual([]);
  const { __defaults: _defaults, ...rest } = inputs as PlainProperties;
  return rest;
}

export const create = (name: string, news: PlainProperties): Promise<Created> =>
  type(name).create(checked(name, news), operation, {});
export const update = (name: string, state: PlainProperties, news: PlainProperties): Promise<PlainProperties> =>
  type(name).update(textOf(state, 'id'), state, checked(name, news), operation, {});
export const read = (
  name: string,
  id: string,
  state: PlainProperties = {},
  inputs: PlainProperties = {},
): ReturnType<ResourceType['read']> => type(name).read(id, state, inputs, operation);
export const remove = (name: string, state: PlainProperties): Promise<void> =>
  type(name).delete(textOf(state, 'id'), state, operation, {});

/** Property paths that differ between the state as read now and the inputs. */
export function drift(name: string, inputs: PlainProperties, state: PlainProperties): string[] {
  return [...diffProperties(type(name).spec, inputs, state, inputs).detailed.keys()];
}

export async function sql<Row extends object>(
  database: string,
  text: string,
  values: unknown[] = [],
  user?: [string, string],
): Promise<Row[]> {
  const [name, password] = user ?? ['postgres', server.superuserPassword];
  const client = new Client({ host: server.host, port: server.port, user: name, password, database, ssl: false });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

export const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The database, its owner and another role that the tests of a file share: made before them and dropped after them. */
export function useFixtures(): void {
  beforeAll(async () => {
    postgresqlPlugin.configure(asPostgres);
    await create('Role', { name: OWNER });
    await create('Role', { name: APP, login: true, password: 'app-password' });
    await create('Database', { name: DB, owner: OWNER });
  });

  beforeEach(() => postgresqlPlugin.configure(asPostgres));

  afterAll(async () => {
    postgresqlPlugin.configure(asPostgres);
    await remove('Database', { id: DB, name: DB });
    for (const name of [APP, OWNER]) await remove('Role', { id: name, name });
  });
}
