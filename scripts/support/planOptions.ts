/** From the flags of `qbench plan` and the stack's settings to a request for the planner. */
import { availableParallelism } from 'node:os';
import { INSTANCE_TYPES, instanceTypeNamed } from '../../infra/capacity/instanceTypes';
import {
  CapacityInputError,
  DEFAULT_WORKLOAD,
  hostOfInstance,
  type Host,
  type IndexRequest,
  type PlanRequest,
  type Workload,
} from '../../infra/capacity/plan';
import { MAX_DIMENSIONS, PROFILES, type IndexProfile, type VectorType } from '../../infra/capacity/workload';
import { UsageError } from '../../infra/ops/errors';
import type { Settings } from '../../infra/settings';
import { closest } from './suggest';

/** Flags as commander hands them over: text, or absent. */
export type PlanFlags = Partial<Record<string, string | boolean>>;

interface NumberFlag {
  flag: string;
  /** Field of the workload. */
  field: keyof Workload;
  help: string;
}

/** Every number of the workload that a flag can change. */
export const WORKLOAD_FLAGS: readonly NumberFlag[] = [
  { flag: 'documents', field: 'documents', help: 'rows of test_documents' },
  { flag: 'steps-per-document', field: 'stepsPerDocument', help: 'mean number of steps of a document that has steps' },
  { flag: 'share-with-steps', field: 'shareWithSteps', help: 'share of documents that have steps, 0 to 1' },
  {
    flag: 'share-of-steps-embedded',
    field: 'shareOfStepsEmbedded',
    help: 'share of steps that have an embedding, 0 to 1',
  },
  { flag: 'dimensions', field: 'dimensions', help: 'dimensions of an embedding' },
  { flag: 'text-bytes', field: 'textBytesPerDocument', help: 'mean bytes of text of a document' },
  { flag: 'growth-per-month', field: 'growthPerMonth', help: 'growth a month as a share: 0.02, or 2%' },
  { flag: 'horizon-months', field: 'horizonMonths', help: 'months of growth to have room for' },
  { flag: 'connections', field: 'connections', help: 'client connections served at once' },
];

const NEXT = 'qbench plan --help';

function camel(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function text(flags: PlanFlags, flag: string): string | undefined {
  const value = flags[camel(flag)];
  return typeof value === 'string' ? value : undefined;
}

/** A number of a flag; ranges are the planner's to judge. A share may be written as a percentage. */
function number(flags: PlanFlags, flag: string, allowed = 'a number'): number | undefined {
  const given = text(flags, flag)?.trim();
  if (given === undefined) return undefined;
  const percent = given.endsWith('%');
  const digits = percent ? given.slice(0, -1) : given.replaceAll('_', '');
  if (!/^-?\d+(\.\d+)?$/.test(digits)) throw new UsageError(`--${flag} ${given}`, { allowed, next: NEXT });
  return percent ? Number(digits) / 100 : Number(digits);
}

function choice<T extends string>(flags: PlanFlags, flag: string, allowed: readonly T[]): T | undefined {
  const given = text(flags, flag);
  if (given === undefined) return undefined;
  const found = allowed.find((name) => name === given);
  if (found !== undefined) return found;
  const near = closest(given, allowed);
  throw new UsageError(`--${flag} ${given}`, {
    allowed: allowed.join(', '),
    next: near === undefined ? NEXT : `--${flag} ${near}`,
  });
}

function workloadOf(flags: PlanFlags, base: Workload): Workload {
  const given = WORKLOAD_FLAGS.flatMap(({ flag, field }) => {
    const value = number(flags, flag);
    return value === undefined ? [] : [[field, value] as const];
  });
  return { ...base, ...Object.fromEntries(given) };
}

function indexOf(flags: PlanFlags, base: IndexRequest): IndexRequest {
  const profile = choice(flags, 'profile', Object.keys(PROFILES) as IndexProfile[]);
  const type = choice(flags, 'type', Object.keys(MAX_DIMENSIONS) as VectorType[]);
  const m = number(flags, 'm');
  const efConstruction = number(flags, 'ef-construction');
  const lists = number(flags, 'lists');
  // Another profile brings its own numbers: those of the stack belong to the one it replaces.
  const from: IndexRequest = profile === undefined ? base : { profile };
  if (lists !== undefined && from.profile !== 'ivfflat') {
    throw new UsageError(`--lists ${lists} with the profile ${from.profile}`, {
      allowed: 'with the profile ivfflat only',
      next: `--profile ivfflat --lists ${lists}`,
    });
  }
  return {
    ...from,
    ...(type === undefined ? {} : { type }),
    ...(m === undefined ? {} : { m }),
    ...(efConstruction === undefined ? {} : { efConstruction }),
    ...(lists === undefined ? {} : { lists }),
  };
}

/** The host of a stack; undefined where the plan chooses it. */
function hostOfSettings(settings: Settings | undefined): Host | undefined {
  if (settings?.tier === 'local') return { memoryMiB: settings.local.memoryMiB, cores: 2 };
  if (settings?.tier !== 'ec2' || settings.ec2.instanceType === undefined) return undefined;
  const type = instanceTypeNamed(settings.ec2.instanceType);
  return type === undefined ? undefined : hostOfInstance(type, settings.ec2.volumeGiB);
}

function hostOf(flags: PlanFlags, base: Host | undefined): Host | undefined {
  const memoryGiB = number(flags, 'memory-gib');
  const cores = number(flags, 'cores');
  const diskGiB = number(flags, 'disk-gib');
  const devShmMiB = number(flags, 'dev-shm-mib');
  const name = choice(
    flags,
    'instance-type',
    INSTANCE_TYPES.map((type) => type.name),
  );
  if (name !== undefined && (memoryGiB !== undefined || cores !== undefined)) {
    throw new UsageError(`--instance-type ${name} with --${memoryGiB === undefined ? 'cores' : 'memory-gib'}`, {
      allowed: 'either an instance type, or memory and cores',
      next: `--instance-type ${name}`,
    });
  }
  const type = name === undefined ? undefined : instanceTypeNamed(name);
  const rest = { ...(diskGiB === undefined ? {} : { diskGiB }), ...(devShmMiB === undefined ? {} : { devShmMiB }) };
  if (type !== undefined) return { ...hostOfInstance(type), ...rest };
  if (memoryGiB !== undefined || cores !== undefined) {
    // A host named by its numbers is another machine than the stack's: only the numbers given, and the cores of this machine, count.
    const memoryMiB = memoryGiB === undefined ? (base?.memoryMiB ?? 16_384) : Math.round(memoryGiB * 1024);
    return { memoryMiB, cores: cores ?? base?.cores ?? availableParallelism(), ...rest };
  }
  if (base === undefined && Object.keys(rest).length > 0) {
    throw new UsageError(`--${diskGiB === undefined ? 'dev-shm-mib' : 'disk-gib'} without a host`, {
      allowed: 'with --memory-gib or --instance-type',
      next: '--memory-gib 32 --cores 8',
    });
  }
  return base === undefined ? undefined : { ...base, ...rest };
}

/**
 * The request that flags and settings make.
 * @throws UsageError with the flag, what is allowed and what to do
 */
export function planRequest(
  flags: PlanFlags,
  settings: Settings | undefined,
  measured: { workload?: Partial<Workload>; index?: IndexRequest | undefined } = {},
): PlanRequest {
  const base: Workload = { ...(settings?.workload ?? DEFAULT_WORKLOAD), ...measured.workload };
  const host = hostOf(flags, hostOfSettings(settings));
  const region =
    text(flags, 'region') ?? (settings === undefined || settings.tier === 'local' ? undefined : settings.aws.region);
  const rtoHours = number(flags, 'rto-hours');
  return {
    workload: workloadOf(flags, base),
    index: indexOf(flags, measured.index ?? settings?.index ?? { profile: 'speed' }),
    ...(host === undefined ? {} : { host }),
    ...(region === undefined ? {} : { region }),
    ...(rtoHours === undefined ? {} : { recoveryTimeObjectiveHours: rtoHours }),
  };
}

const OTHER_FLAGS: Readonly<Record<string, string>> = {
  profile: 'profile',
  type: 'type',
  m: 'm',
  efConstruction: 'ef-construction',
  lists: 'lists',
  memoryMiB: 'memory-gib',
  cores: 'cores',
  diskGiB: 'disk-gib',
  devShmMiB: 'dev-shm-mib',
};

/** Turns the planner's own complaint into one about flags: exit code 2, every mistake a line. */
export function asUsageError(error: CapacityInputError): UsageError {
  const flagOf = (field: string): string =>
    WORKLOAD_FLAGS.find((entry) => entry.field === field)?.flag ?? OTHER_FLAGS[field] ?? field;
  const [first] = error.mistakes;
  return new UsageError(error.mistakes.map(({ field, given }) => `--${flagOf(field)}: ${String(given)}`).join('; '), {
    allowed: error.mistakes.map(({ field, allowed }) => `--${flagOf(field)}: ${allowed}`).join('; '),
    next: first === undefined ? NEXT : `change --${flagOf(first.field)}; ${NEXT}`,
  });
}
