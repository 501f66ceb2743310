/** The machine a plan is made for. */
import { KIB } from './units';

export interface Host {
  /** Memory that the server and its operating system share, in MiB. */
  memoryMiB: number;
  /** Virtual CPUs. */
  cores: number;
  /** Size of the data disk in GiB. @default the plan sizes the disk */
  diskGiB?: number;
  /** Size of /dev/shm in MiB; a parallel build takes all of its maintenance_work_mem from there. @default half of the memory, as Linux does; Docker gives 64 */
  devShmMiB?: number;
  /** Whether huge pages are reserved for shared_buffers, so that no process pays page tables for it. @default false */
  hugePages?: boolean;
  /** Instance type, where the host is one of AWS. */
  instanceType?: string;
}

/** Least memory a plan is made for: below it PostgreSQL starts, but no vector index is built in memory. */
const MINIMUM_MEMORY_MIB = 512;

/** Mistakes of a host's numbers, each as the field, the value and what is allowed. */
export function hostMistakes(host: Host): { field: string; given: unknown; allowed: string }[] {
  const rows: readonly (readonly [keyof Host, number | undefined, number, number])[] = [
    ['memoryMiB', host.memoryMiB, MINIMUM_MEMORY_MIB, 32 * KIB * KIB],
    ['cores', host.cores, 1, 1024],
    ['diskGiB', host.diskGiB, 1, 64 * KIB],
    ['devShmMiB', host.devShmMiB, 0, 32 * KIB * KIB],
  ];
  return rows
    .filter(
      ([, value, minimum, maximum]) =>
        value !== undefined && !(Number.isFinite(value) && value >= minimum && value <= maximum),
    )
    .map(([field, given, minimum, maximum]) => ({ field, given, allowed: `a number from ${minimum} to ${maximum}` }));
}
