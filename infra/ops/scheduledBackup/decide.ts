/** What to do next for the slots that are known, from the list of their runs alone. Pure. */
import { BACKUP_STEPS, slotName, slotOf, type BackupRun, type BackupStep, type Slot } from './runs';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A slot whose event comes later than this is left to the next one. */
const SLOT_LATE_MS = 12 * HOUR_MS;
/** Attempts of one step of one slot, the first included. */
export const ATTEMPTS = 3;
/** Time after a failed step before it is tried again: what broke it needs time to come back. */
const RETRY_AFTER_MS = 30 * MINUTE_MS;

export type Decision = { start: BackupStep; slot: Slot; why: string } | { start: undefined; why: string };

const nothing = (why: string): Decision => ({ start: undefined, why });

/**
 * What the event of a slot starts: its backup, unless it was started before, a newer slot was, or another backup is running.
 * @param now of the clock of this process; slots are compared with each other, not with it, except for the lateness
 */
export function decideSlot(slot: Slot, runs: readonly BackupRun[], now: Date): Decision {
  const name = slotName(slot);
  if (runs.some((run) => run.slot === name)) return nothing(`${name} was started before`);
  const newer = runs.map((run) => slotOf(run.slot)).find((other) => other !== undefined && other.at > slot.at);
  if (newer !== undefined) return nothing(`${slotName(newer)} is newer than ${name}`);
  if (now.getTime() - slot.at.getTime() > SLOT_LATE_MS)
    return nothing(`${name} comes too late; the next slot backs up`);
  const busy = runs.find((run) => run.step === 'backup' && run.state === 'running');
  if (busy !== undefined) return nothing(`the backup of ${busy.slot} is still running`);
  return { start: 'backup', slot, why: `${name} is due` };
}

/**
 * What the newest slot needs: the step after the last that succeeded, or a failed step once more. Slots before it are past: a
 * later backup holds what theirs did.
 * @param retry whether failed steps are tried again; the event of the failure itself must not, it would only meet the same fault
 */
export function decideNext(runs: readonly BackupRun[], now: Date, retry: boolean): Decision {
  const slots = runs.map((run) => slotOf(run.slot)).filter((slot) => slot !== undefined);
  const slot = slots.reduce<Slot | undefined>(
    (newest, each) => (newest && newest.at >= each.at ? newest : each),
    undefined,
  );
  if (slot === undefined) return nothing('no slot was started');
  const name = slotName(slot);
  const ofSlot = runs.filter((run) => run.slot === name);
  for (const step of BACKUP_STEPS) {
    const tries = ofSlot.filter((run) => run.step === step);
    // A duplicate may have ended at once while the first is still at work.
    if (tries.some(({ state }) => state === 'running')) return nothing(`${step} of ${name} is running`);
    if (tries.some(({ state }) => state === 'succeeded')) continue;
    if (tries.length === 0) return { start: step, slot, why: `${name} needs ${step}` };
    if (!retry) return nothing(`${step} of ${name} failed`);
    if (tries.length >= ATTEMPTS) return nothing(`${step} of ${name} failed ${tries.length} times`);
    const last = Math.max(...tries.map(({ startedAt }) => startedAt.getTime()));
    if (now.getTime() - last < RETRY_AFTER_MS) return nothing(`${step} of ${name} failed a short time ago`);
    return { start: step, slot, why: `${step} of ${name} failed; attempt ${tries.length + 1}` };
  }
  return nothing(`${name} is complete`);
}
