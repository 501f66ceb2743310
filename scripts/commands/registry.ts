/** The verbs of qbench, in the order of the help. A verb's module is loaded only when it is asked for. */
import type { Command } from 'commander';
import type { CliContext } from '../support/context';

export interface VerbModule {
  register(program: Command, context: CliContext): void;
}

export interface VerbEntry {
  name: string;
  summary: string;
  load(): Promise<VerbModule>;
}

export const VERBS: readonly VerbEntry[] = [
  {
    name: 'server',
    summary: 'the server of the local tier: status, start, stop, logs',
    load: () => import('./server'),
  },
  { name: 'stack', summary: 'test stacks: create, list, extend, destroy, sweep', load: () => import('./stack') },
  { name: 'init', summary: 'asks a few questions and writes a validated stack file', load: () => import('./init') },
  { name: 'drift', summary: 'what was changed by hand, past the stack', load: () => import('./drift') },
  { name: 'history', summary: 'who changed what when, and plan beside actual', load: () => import('./history') },
  {
    name: 'github',
    summary: 'comments, issues and IAM roles of the workflows',
    load: () => import('./github'),
  },
  { name: 'migrate', summary: 'applies the pending migrations', load: () => import('./migrate') },
  { name: 'schema', summary: 'prints, writes or checks sql/schema.sql', load: () => import('./schema') },
  { name: 'db-clear', summary: 'clears all rows, keeps the schema', load: () => import('./dbClear') },
  {
    name: 'postgres-clean',
    summary: 'drops and remakes every object of the application',
    load: () => import('./postgresClean'),
  },
  {
    name: 'migrate-test',
    summary: 'rehearses all migrations in a scratch database',
    load: () => import('./migrateTest'),
  },
  {
    name: 'migrate-optimized',
    summary: 'loads in bulk: rows first, then indexes and statistics',
    load: () => import('./migrateOptimized'),
  },
  { name: 'load', summary: 'loads documents, steps and embeddings from JSON Lines', load: () => import('./load') },
  {
    name: 'search',
    summary: 'one vector search, with the index it used and its latency',
    load: () => import('./search'),
  },
  {
    name: 'check-env',
    summary: 'whether this machine and the database have what is needed',
    load: () => import('./checkEnv'),
  },
  { name: 'status', summary: 'the state of the database on one screen', load: () => import('./status') },
  { name: 'health', summary: 'how the database is: 0 ok, 1 warning, 2 critical', load: () => import('./health') },
  { name: 'indexes', summary: 'size, use and health of every index', load: () => import('./indexes') },
  {
    name: 'connections',
    summary: 'who is connected, who waits for whom; ends forgotten transactions',
    load: () => import('./connections'),
  },
  { name: 'queries', summary: 'the statements that take the time', load: () => import('./queries') },
  { name: 'space', summary: 'what takes the room, growth, days left', load: () => import('./space') },
  {
    name: 'monitor',
    summary: 'looks once or every N minutes; tells changes, EMF, Prometheus',
    load: () => import('./monitor'),
  },
  { name: 'maintenance', summary: 'weekly and monthly maintenance, with reasons', load: () => import('./maintenance') },
  { name: 'psql', summary: 'opens psql at the database', load: () => import('./psql') },
  {
    name: 'tunnel',
    summary: 'the database of a stack in AWS on a port of this machine',
    load: () => import('./tunnel'),
  },
  {
    name: 'host',
    summary: "a stack's host: status, shell, logs, apply, restart, stop",
    load: () => import('./host'),
  },
  {
    name: 'acceptance',
    summary: 'proves with an account what the tests cannot',
    load: () => import('./acceptance'),
  },
  { name: 'plan', summary: 'sizes, memory, parameters, hosts and prices for a workload', load: () => import('./plan') },
  {
    name: 'index',
    summary: 'the vector indexes: list, plan, apply, verify, drop',
    load: () => import('./indexCommand'),
  },
  {
    name: 'recall',
    summary: 'recall of the live indexes, and the ef_search a target needs',
    load: () => import('./recall'),
  },
  {
    name: 'preview-report',
    summary: 'what a preview would do: risks, capacity, cost, policies; fails where data is lost',
    load: () => import('./previewReport'),
  },
  { name: 'cost', summary: 'what the stack costs a month, by resource', load: () => import('./cost') },
  { name: 'backup', summary: 'takes a full, diff or incr backup', load: () => import('./backup') },
  {
    name: 'info',
    summary: 'backups, recovery window, WAL archiving, last proven restore',
    load: () => import('./info'),
  },
  {
    name: 'expire',
    summary: 'removes backups and WAL that the retention no longer needs',
    load: () => import('./expire'),
  },
  { name: 'verify', summary: 'reads the backups back and names what is damaged', load: () => import('./verify') },
  { name: 'check', summary: 'whether WAL gets into the backup repository', load: () => import('./check') },
  {
    name: 'restore',
    summary: 'a point in time, the latest state or one backup, into a new folder',
    load: () => import('./restore'),
  },
  { name: 'drill', summary: 'proves that a restore works, and keeps the record', load: () => import('./drill') },
  { name: 'lambda', summary: 'the Lambdas: hands one event to backup or monitor', load: () => import('./lambda') },
];
