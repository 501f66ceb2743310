/** One workload on one host: sizes, memory, parameters, and what does not fit. */
import type { Host } from './host';
import { indexPlans, type IndexPlan } from './indexPlan';
import { memoryPlan, type MemoryPlan } from './memory';
import type { ServerParameters } from './parameters';
import { maxWalSizeMiB, serverParameters } from './server';
import { databaseBytes, diskSizes, relationSizes, type DiskSizes, type RelationSize } from './storage';
import { GIB, formatBytes, MIB } from './units';
import type { IndexChoice, ResolvedWorkload } from './workload';

/** What can be too small: shared_buffers for the indexes, memory for a build, memory for the connections, the disk. */
export type ProblemKind = 'cache' | 'build-memory' | 'connections' | 'disk';

/** A number that breaks. */
export interface Problem {
  kind: ProblemKind;
  /** One line for a person. */
  message: string;
  needed: number;
  available: number;
  unit: 'MiB' | 'GiB' | 'connections';
}

export interface Evaluation {
  host: Host;
  relations: RelationSize[];
  databaseBytes: number;
  memory: MemoryPlan;
  indexes: IndexPlan[];
  server: ServerParameters;
  disk: DiskSizes;
  /** Disk of the host, or what it needs where the host's disk is not fixed. */
  diskGiB: number;
  problems: Problem[];
}

function problemsOf(memory: MemoryPlan, disk: DiskSizes, host: Host): Problem[] {
  const problems: Problem[] = [];
  if (memory.wantedSharedBuffersMiB > memory.maximumSharedBuffersMiB) {
    const needed = memory.wantedSharedBuffersMiB;
    problems.push({
      kind: 'cache',
      message:
        `the vector indexes (${formatBytes(memory.hotIndexMiB * MIB)}) need shared_buffers of ${formatBytes(needed * MIB)}; ` +
        `a host with ${formatBytes(memory.hostMemoryMiB * MIB)} gives at most ${formatBytes(memory.maximumSharedBuffersMiB * MIB)}`,
      needed,
      available: memory.maximumSharedBuffersMiB,
      unit: 'MiB',
    });
  }
  if (memory.wantedBuildMiB > memory.buildBudgetMiB) {
    problems.push({
      kind: 'build-memory',
      message:
        `the largest index build needs ${formatBytes(memory.wantedBuildMiB * MIB)}; beside serving ` +
        `${formatBytes(Math.max(0, memory.buildBudgetMiB) * MIB)} of ${formatBytes(memory.hostMemoryMiB * MIB)} are left, and a build that spills is 6.4 times slower`,
      needed: memory.wantedBuildMiB,
      available: Math.max(0, memory.buildBudgetMiB),
      unit: 'MiB',
    });
  }
  if (memory.wantedConnections > memory.connections) {
    problems.push({
      kind: 'connections',
      message: `${memory.wantedConnections} connections (reserved ones included) do not fit beside the index: the host's memory has room for ${memory.connections}`,
      needed: memory.wantedConnections,
      available: memory.connections,
      unit: 'connections',
    });
  }
  const neededGiB = Math.ceil(disk.requiredBytes / GIB);
  if (host.diskGiB !== undefined && neededGiB > host.diskGiB) {
    problems.push({
      kind: 'disk',
      message: `data, WAL, a reindex and a restore need ${neededGiB} GiB of disk; the host has ${host.diskGiB} GiB`,
      needed: neededGiB,
      available: host.diskGiB,
      unit: 'GiB',
    });
  }
  return problems;
}

/** Evaluates a workload on a host. Pure and total: what does not fit is listed in `problems`. */
export function evaluate(workload: ResolvedWorkload, index: IndexChoice, host: Host): Evaluation {
  const relations = relationSizes(workload, index);
  const database = databaseBytes(relations);
  const memory = memoryPlan(workload, index, relations, host);
  const indexes = indexPlans(workload, index, host, memory.building.maintenanceMiB);
  const walSizeMiB = maxWalSizeMiB(database, host.diskGiB);
  const disk = diskSizes(relations, walSizeMiB);
  const diskGiB = host.diskGiB ?? Math.ceil(disk.requiredBytes / GIB);
  return {
    host,
    relations,
    databaseBytes: database,
    memory,
    indexes,
    server: serverParameters(host, memory, indexes, walSizeMiB, diskGiB),
    disk,
    diskGiB,
    problems: problemsOf(memory, disk, host),
  };
}
