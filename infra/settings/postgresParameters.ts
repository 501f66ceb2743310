/** Overrides of postgresql.conf: which names and values a person may give, and what they cost in memory. */
import { z } from 'zod';
import { noted } from './fields';
import { hasControlCharacter, type Check } from './values';

/** Parameters that the program owns, with the reason. What the plan computes may be overridden; what keeps data safe may not. */
const OWNED: Readonly<Record<string, string>> = {
  fsync: 'off loses acknowledged rows at a crash',
  full_page_writes: 'off loses pages at a crash',
  synchronous_commit: 'off loses acknowledged rows at a crash; set it in a session that accepts that',
  data_directory: 'the program decides where the data lies',
  config_file: 'the program writes the files of the server',
  hba_file: 'the program writes the files of the server',
  ident_file: 'the program writes the files of the server',
  port: 'set local.port or ec2.port',
  listen_addresses: 'the network settings decide who connects',
  unix_socket_directories: 'the program decides where the socket lies',
  max_connections: 'set workload.connections, from which memory is computed too',
  shared_preload_libraries: 'the program needs its own libraries loaded',
  archive_mode: 'backups depend on it',
  archive_command: 'backups depend on it',
  archive_library: 'backups depend on it',
  restore_command: 'a restore sets it itself',
  wal_level: 'backups depend on it',
  summarize_wal: 'incremental backups depend on it',
  ssl: 'clear text connections are refused',
  ssl_min_protocol_version: 'older protocols are broken',
  password_encryption: 'SCRAM is the only method pg_hba.conf lets in',
  log_parameter_max_length: 'bound values are embeddings, and would fill the log',
  log_parameter_max_length_on_error: 'bound values are embeddings, and would fill the log',
  zero_damaged_pages: 'it destroys data',
  ignore_checksum_failure: 'it hides damage',
};

/** Parameters of memory, with the unit that a plain number counts in, in KiB. https://www.postgresql.org/docs/18/runtime-config-resource.html */
const MEMORY_UNIT_KIB: Readonly<Record<string, number>> = {
  shared_buffers: 8,
  effective_cache_size: 8,
  temp_buffers: 8,
  wal_buffers: 8,
  work_mem: 1,
  maintenance_work_mem: 1,
  autovacuum_work_mem: 1,
  logical_decoding_work_mem: 1,
  max_wal_size: 1024,
  min_wal_size: 1024,
  max_slot_wal_keep_size: 1024,
  temp_file_limit: 1,
};

/** postgresql.conf takes exactly these, letter for letter. */
const KIB_OF_UNIT: Readonly<Record<string, number>> = { B: 1 / 1024, kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3 };

/** The name of a parameter that may be overridden. */
export const parameterName: Check = (name) => {
  if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(name))
    return 'is no name of a parameter: lower-case letters, digits and _';
  const reason = OWNED[name];
  return reason === undefined ? undefined : `belongs to the program: ${reason}`;
};

/** The value of a parameter as text; numbers and booleans of YAML are taken too. */
export const parameterValue = noted(
  z.union([
    z.number().transform(String),
    z.boolean().transform((value) => (value ? 'on' : 'off')),
    z.string().check((context) => {
      const { value } = context;
      if (!hasControlCharacter(value) && value.length <= 1000) return;
      const message = value.length > 1000 ? 'is longer than 1000 characters' : 'holds a control character';
      context.issues.push({ code: 'custom', message, input: value });
    }),
  ]),
  { allowed: 'one line of text, a number, true or false' },
);

/** KiB of a memory parameter's value, undefined for a parameter of another kind, or what is wrong with the value. */
export function memoryKiB(name: string, value: string): number | undefined | string {
  const unit = MEMORY_UNIT_KIB[name];
  if (unit === undefined) return undefined;
  // -1 means "as another parameter says" or "no limit" for those that know it.
  if (value === '-1') return undefined;
  const parts = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value);
  if (parts === null) return 'is no size such as 512MB';
  const number = Number(parts[1]);
  const given = parts[2] ?? '';
  if (given === '') return number * unit;
  const factor = KIB_OF_UNIT[given];
  if (factor !== undefined) return number * factor;
  const likely = Object.keys(KIB_OF_UNIT).find((known) => known.toLowerCase() === given.toLowerCase());
  return `has a unit PostgreSQL does not know${likely === undefined ? '' : `; did you mean "${parts[1] ?? ''}${likely}"?`}`;
}
