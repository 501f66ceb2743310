/** Rules of the objects and the parameters of the server. */
import { shown, type Mistake } from './errors';
import { memoryKiB } from './postgresParameters';
import { hostMemoryMiB, type Rule } from './rule';

export const DATABASE_RULES: readonly Rule[] = [
  {
    reads: ['database.connectionLimits', 'workload.connections'],
    check: ({ database, workload }) =>
      Object.entries(database.connectionLimits)
        .filter(([, limit]) => limit > workload.connections)
        .map(([role, limit]) => ({
          key: `database.connectionLimits.${role}`,
          problem: `${String(limit)} is more than workload.connections, which is ${String(workload.connections)}`,
          allowed: `an integer from 1 to ${String(workload.connections)}`,
        })),
  },
  {
    reads: ['postgresParameters'],
    check: ({ postgresParameters }) => unitMistakes(postgresParameters),
  },
  {
    reads: ['postgresParameters', 'tier', 'local.memoryMiB', 'ec2.instanceType'],
    check: (settings) => memoryMistakes(settings.postgresParameters, hostMemoryMiB(settings)),
  },
];

function unitMistakes(parameters: Readonly<Record<string, string>>): Mistake[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    const size = memoryKiB(name, value);
    if (typeof size !== 'string') return [];
    return [
      {
        key: `postgresParameters.${name}`,
        problem: `${shown(value)} ${size}`,
        allowed: 'a number and one of B, kB, MB, GB, TB, letter for letter',
      },
    ];
  });
}

function memoryMistakes(parameters: Readonly<Record<string, string>>, memoryMiB: number | undefined): Mistake[] {
  if (memoryMiB === undefined) return [];
  const mistakes: Mistake[] = [];
  const sizeMiB = (name: string): number => {
    const size = memoryKiB(name, parameters[name] ?? '0');
    return typeof size === 'number' ? size / 1024 : 0;
  };
  const host = `${String(memoryMiB)} MiB of the host`;
  const shared = sizeMiB('shared_buffers');
  if (shared >= memoryMiB) {
    mistakes.push({
      key: 'postgresParameters.shared_buffers',
      problem: `${shown(parameters['shared_buffers'])} is all the ${host}, or more`,
      allowed: 'at most half of it is of use',
    });
  }
  // Each autovacuum worker takes maintenance_work_mem of its own where autovacuum_work_mem does not bound it.
  const bounded = (parameters['autovacuum_work_mem'] ?? '-1') !== '-1';
  const each = bounded ? sizeMiB('autovacuum_work_mem') : sizeMiB('maintenance_work_mem');
  const workers = Number(parameters['autovacuum_max_workers'] ?? 3);
  if (each * workers > memoryMiB) {
    const key = bounded ? 'autovacuum_work_mem' : 'maintenance_work_mem';
    mistakes.push({
      key: `postgresParameters.${key}`,
      problem: `${shown(parameters[key])} for each of ${String(workers)} autovacuum workers is more than the ${host}`,
      allowed: `at most ${String(Math.floor(memoryMiB / workers))}MB with so many workers`,
      hint: bounded
        ? 'fewer autovacuum_max_workers'
        : 'index builds set their memory in their own session; leave maintenance_work_mem to the plan',
    });
  }
  return mistakes;
}
