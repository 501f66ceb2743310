/** The configuration files of a local server: the plan's parameters, and what only this machine decides. */
import { chownSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerUser } from './identity';
import type { MachineContext, ServerRecord } from './layout';

export interface DesiredConfiguration {
  /** postgresql.conf as name to value, each value as it is written there without quotes. */
  parameters: Readonly<Record<string, string>>;
  /** Names among `parameters` that a reload is enough for. All others need a restart. */
  reloadable: readonly string[];
}

/** What has to be done for the files to take effect. */
export type ConfigurationChange = 'none' | 'reload' | 'restart';

/** Password logins by TCP only; on the socket the server asks the kernel who is there. No trust anywhere. */
const HBA = [
  '# TYPE  DATABASE     USER  ADDRESS       METHOD',
  'local   all          all                 peer map=operators',
  'host    all          all   127.0.0.1/32  scram-sha-256',
  'host    all          all   ::1/128       scram-sha-256',
  'local   replication  all                 peer map=operators',
  'host    replication  all   127.0.0.1/32  scram-sha-256',
  '',
].join('\n');

function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function parse(text: string): Map<string, string> {
  const pairs = text.split('\n').flatMap((line) => {
    const match = /^(\S+) = (.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const];
  });
  return new Map(pairs);
}

/** Writes postgresql.conf, pg_hba.conf and pg_ident.conf where they differ. */
export function writeConfiguration(
  record: ServerRecord,
  desired: DesiredConfiguration,
  user: ServerUser,
  context: MachineContext,
): ConfigurationChange {
  const machine: Record<string, string> = {
    listen_addresses: record.host,
    port: String(record.port),
    unix_socket_directories: record.socketDir,
    unix_socket_permissions: '0700',
    hba_file: join(record.dataDir, 'pg_hba.conf'),
    ident_file: join(record.dataDir, 'pg_ident.conf'),
  };
  const all = new Map(Object.entries({ ...desired.parameters, ...machine }));
  const lines = [...all].sort(([a], [b]) => a.localeCompare(b)).map(([name, value]) => `${name} = ${quote(value)}`);
  const text = ['# Written by qbench server apply; changes by hand are overwritten.', ...lines, ''].join('\n');
  const caller = context.uid === 0 ? 'root' : userInfo().username;
  const names = [...new Set([caller, user.name])];
  const ident = ['# MAPNAME  SYSTEM-USERNAME  PG-USERNAME', ...names.map((name) => `operators  ${quote(name)}  all`), ''].join('\n');

  const confFile = join(record.dataDir, 'postgresql.conf');
  const before = existsSync(confFile) ? parse(readFileSync(confFile, 'utf8')) : new Map<string, string>();
  const after = parse(text);
  const touched = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
  const files = [
    write(confFile, text, user),
    write(join(record.dataDir, 'pg_hba.conf'), HBA, user),
    write(join(record.dataDir, 'pg_ident.conf'), ident.replaceAll("'", '"'), user),
  ];
  if (touched.some((name) => !desired.reloadable.includes(name))) return 'restart';
  return files.includes(true) ? 'reload' : 'none';
}

function write(file: string, text: string, user: ServerUser): boolean {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
  const staging = `${file}.new`;
  writeFileSync(staging, text, { mode: 0o600 });
  if (user.identity !== undefined) chownSync(staging, user.identity.uid, user.identity.gid);
  renameSync(staging, file);
  return true;
}
