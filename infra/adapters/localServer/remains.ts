/** What is left of a stack on this machine: processes, port, folders, shared memory. Looked for by what the stack is known to have had. */
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Place, Remainder } from '../../ops/stacks/leftovers';
import { readRecord, stackLayout, stacksDir, type MachineContext } from './layout';
import { portHolder, portIsFree } from './port';
import { postmasterPid, strayPids } from './probe';
import {
  existingSegments,
  mappedSegments,
  notedSegments,
  systemVExists,
  systemVSegment,
  type SystemVSegment,
} from './sharedMemory';

/** What a stack has on this machine; taken before it is destroyed, since nothing tells afterwards. */
export interface MachineTraces {
  folders: string[];
  dataDir: string;
  port?: number;
  segments: string[];
  systemV?: SystemVSegment;
}

export function machineTraces(context: MachineContext, stack: string): MachineTraces {
  const record = readRecord(stackLayout(context, stack));
  const layout = stackLayout(context, stack, record?.dataDir);
  const pid = postmasterPid(layout.dataDir);
  const systemV = systemVSegment(layout.dataDir);
  return {
    folders: [
      layout.dir,
      layout.dataDir,
      layout.socketDir,
      ...(record?.repositoryDir === undefined ? [] : [record.repositoryDir]),
    ],
    dataDir: layout.dataDir,
    ...(record === undefined ? {} : { port: record.port }),
    segments: [...new Set([...notedSegments(layout.dir), ...(pid === undefined ? [] : mappedSegments(pid))])],
    ...(systemV === undefined ? {} : { systemV }),
  };
}

/** What an earlier look found and a later one may not find any more, in one. */
export function joinTraces(earlier: MachineTraces | undefined, now: MachineTraces): MachineTraces {
  if (earlier === undefined) return now;
  const port = now.port ?? earlier.port;
  const systemV = now.systemV ?? earlier.systemV;
  return {
    folders: [...new Set([...earlier.folders, ...now.folders])],
    dataDir: now.dataDir,
    ...(port === undefined ? {} : { port }),
    segments: [...new Set([...earlier.segments, ...now.segments])],
    ...(systemV === undefined ? {} : { systemV }),
  };
}

/** @param stack name, as the arguments of its runs hold it */
export function machinePlaces(context: MachineContext, stack: string, traces: MachineTraces): Place[] {
  const process = (pid: number): Remainder => ({ kind: 'process', what: `pid ${pid} (${nameOf(pid)})` });
  return [
    {
      name: 'processes of its server, and of runs on it',
      look: () => {
        const server = postmasterPid(traces.dataDir);
        const pids = [
          ...(server === undefined ? [] : [server]),
          ...strayPids(traces.dataDir),
          ...runsOn(context, stack).map(({ pid }) => pid),
          ...processesIn(traces.folders),
        ];
        return [...new Set(pids)].map(process);
      },
    },
    { name: 'its port', look: () => portRemains(context, stack, traces.port) },
    {
      name: 'its folders',
      look: () =>
        traces.folders.filter((dir) => existsSync(dir)).map((dir): Remainder => ({ kind: 'folder', what: dir })),
    },
    {
      name: 'its shared memory',
      look: () => [
        ...existingSegments(traces.segments).map((name): Remainder => ({
          kind: 'shared memory',
          what: `/dev/shm/${name}`,
        })),
        ...(traces.systemV !== undefined && systemVExists(traces.systemV)
          ? [{ kind: 'shared memory' as const, what: `System V segment ${traces.systemV.id} (ipcrm -m)` }]
          : []),
      ],
    },
  ];
}

async function portRemains(context: MachineContext, stack: string, port: number | undefined): Promise<Remainder[]> {
  if (port === undefined || (await portIsFree(port))) return [];
  // Free again, it may have been given to the next stack at once.
  if (reservedByOthers(context, stack).has(port)) return [];
  return [{ kind: 'port', what: `127.0.0.1:${port}, ${portHolder(port) ?? 'by a program that is not shown to us'}` }];
}

function reservedByOthers(context: MachineContext, stack: string): Set<number> {
  const dir = stacksDir(context);
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name !== stack) : [];
  const records = names.map((name) => readRecord({ record: join(dir, name, 'server.json') }));
  return new Set(records.flatMap((record) => (record === undefined ? [] : [record.port])));
}

export interface Run {
  pid: number;
  /** "pulumi up", "qbench load". */
  what: string;
}

/**
 * Runs of Pulumi or qbench that name the stack on their command line, on this checkout's state; this process and those that
 * started it are not meant. Linux only; elsewhere none are found.
 */
export function runsOn(context: MachineContext, stack: string): Run[] {
  if (process.platform !== 'linux') return [];
  const own = ancestors();
  return pids().flatMap((pid) => {
    if (own.has(pid)) return [];
    const args = argumentsOf(pid);
    const named = args.some(
      (arg, i) => arg === `--stack=${stack}` || (arg === stack && /^(--stack|-s)$/.test(args[i - 1] ?? '')),
    );
    const script = args.find((arg) => /(^|\/)(pulumi|qbench\.mjs|cli\.ts|up\.ts|destroy\.ts|preview\.ts)$/.test(arg));
    if (!named || script === undefined || !sameState(context, pid)) return [];
    const verb = args
      .slice(args.indexOf(script) + 1)
      .find((arg, i, rest) => !arg.startsWith('-') && !/^(--stack|-s)$/.test(rest[i - 1] ?? ''));
    const program = /pulumi$/.test(script) ? 'pulumi' : /qbench|cli/.test(script) ? 'qbench' : 'npm run';
    return [{ pid, what: `${program} ${verb ?? ''}`.trim() }];
  });
}

/** Whether a run works on the same folder of state: stacks of the same name in two checkouts are two stacks. */
function sameState(context: MachineContext, pid: number): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const state = environment.find((entry) => entry.startsWith('QBENCH_STATE_DIR='))?.slice('QBENCH_STATE_DIR='.length);
    const wanted = context.stateDir ?? '';
    return (state ?? '') === wanted && (wanted !== '' || readlinkSync(`/proc/${pid}/cwd`).startsWith(context.checkout));
  } catch {
    // Another user's: rather one too many than one too few.
    return true;
  }
}

function processesIn(folders: readonly string[]): number[] {
  if (process.platform !== 'linux') return [];
  return pids().filter((pid) => {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
      return folders.some((dir) => cwd === dir || cwd.startsWith(`${dir}/`));
    } catch {
      return false;
    }
  });
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function ancestors(): Set<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 1 && !found.has(pid); pid = parentOf(pid)) found.add(pid);
  return found;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'gone';
  }
}
