/**
 * How long a test stack lives, and when a sweeper may take it. Pure: facts in, a verdict with its reason out. Whatever is not
 * known for certain keeps the stack.
 */

export const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** `ttlHours` at most; `infra/settings` says the same. */
export const LONGEST_TTL_HOURS = 720;

/** Two clocks that are further apart than this are not compared. */
export const SKEW_MS = 5 * MINUTE_MS;

/** Nobody has touched an interrupted stack for this long before it is swept: its maker may be about to go on. */
export const GRACE_MS = 15 * MINUTE_MS;

/** What a stack is in the middle of. */
export type Phase = 'creating' | 'ready' | 'destroying';

/**
 * The same moment by two clocks. The wall clock can be set; the other one counts from the machine's boot and cannot, but
 * means something on this boot only.
 */
export interface Moment {
  /** Milliseconds since 1970, UTC. */
  wallMs: number;
  /** Which boot of which machine; undefined where the system does not tell. */
  bootId?: string;
  /** Milliseconds since that boot, sleep included. */
  sinceBootMs?: number;
}

/** What is known of a stack that might be swept. */
export interface StackFacts {
  name: string;
  tier: string;
  /** Says itself that it is a test stack: by its settings or by its tags. */
  ephemeral: boolean;
  /** Why it must stay: what its settings or its state protect. Empty where nothing is. */
  protections: readonly string[];
  phase: Phase;
  /** When it was made; undefined where nothing tells. */
  created?: Moment;
  ttlHours: number;
  /** Last change of it that the backend or the machine knows. */
  changed?: Moment;
  /** A run at work on it: "pid 123 (pulumi up)". */
  runs: readonly string[];
  /** Who is connected: "psql of qbench_app". `unknown` where a living server did not answer. */
  clients: readonly string[] | 'unknown';
}

export interface Verdict {
  sweep: boolean;
  reason: string;
  /** Milliseconds until its time to live ends, negative after it; undefined where nothing tells. */
  leftMs?: number;
}

/**
 * Milliseconds from one moment to another. Within one boot the clock that cannot be set decides.
 * @returns undefined where the moments contradict each other: `from` lies after `to` by more than clocks may differ
 */
export function elapsedMs(from: Moment, to: Moment): number | undefined {
  const sameBoot = from.bootId !== undefined && from.bootId === to.bootId;
  if (sameBoot && from.sinceBootMs !== undefined && to.sinceBootMs !== undefined) {
    return Math.max(0, to.sinceBootMs - from.sinceBootMs);
  }
  const elapsed = to.wallMs - from.wallMs;
  return elapsed < -SKEW_MS ? undefined : Math.max(0, elapsed);
}

/** Whether a sweeper may take the stack now, and why or why not. */
export function judge(facts: StackFacts, now: Moment): Verdict {
  const age = facts.created === undefined ? undefined : elapsedMs(facts.created, now);
  const left = age === undefined ? {} : { leftMs: facts.ttlHours * HOUR_MS - age };
  const keep = (reason: string): Verdict => ({ sweep: false, reason, ...left });
  const sweep = (reason: string): Verdict => ({ sweep: true, reason, ...left });

  if (!facts.ephemeral) return keep('not a test stack');
  if (facts.protections.length > 0) return keep(`protected: ${facts.protections.join(', ')}`);
  if (facts.runs.length > 0) return keep(`in use: ${facts.runs.join(', ')}`);
  if (facts.clients === 'unknown') return keep('its server runs but does not say who is connected');
  if (facts.clients.length > 0) return keep(`in use: ${facts.clients.join(', ')}`);

  const quiet = facts.changed === undefined ? age : elapsedMs(facts.changed, now);
  if (quiet === undefined) return keep('made or changed in the future of this clock: the clocks differ');
  const waited = `nobody has gone on for ${formatSpan(quiet)}`;
  if (facts.phase === 'destroying') {
    return quiet < GRACE_MS ? keep('its destruction has just been interrupted') : sweep(`half destroyed, ${waited}`);
  }
  if (facts.phase === 'creating') {
    return quiet < GRACE_MS ? keep('its creation has just been interrupted') : sweep(`half made, ${waited}`);
  }
  if (age === undefined) return keep('nothing tells when it was made; qbench stack extend says so from now on');
  const over = age - facts.ttlHours * HOUR_MS;
  if (over <= SKEW_MS) return keep(`lives ${formatSpan(Math.max(0, -over))} longer`);
  return sweep(`its ${facts.ttlHours} h ended ${formatSpan(over)} ago`);
}

/**
 * The time to live, counted from the creation, that lets a stack of this age live `hours` more.
 * @returns at most LONGEST_TTL_HOURS
 */
export function extendedTtlHours(ageMs: number, hours: number): number {
  return Math.min(LONGEST_TTL_HOURS, Math.ceil(ageMs / HOUR_MS) + hours);
}

/** "3 h 5 min", "12 min". */
export function formatSpan(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** ISO 8601 in UTC to the second, as tags and settings hold it. */
export function utcSeconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Reads the tag `ttl`: "24h". @returns undefined for anything else */
export function parseTtlTag(text: string | undefined): number | undefined {
  const hours = Number(/^(\d+)h$/.exec(text ?? '')?.[1]);
  return Number.isInteger(hours) && hours >= 1 && hours <= LONGEST_TTL_HOURS ? hours : undefined;
}
