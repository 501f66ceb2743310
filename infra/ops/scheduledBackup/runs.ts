/**
 * The backups of a schedule, step by step. There is no state but the list of steps that were started: what is to be done next
 * follows from it alone, so an event that comes twice, late, in another order or not at all changes nothing.
 */

import type { BackupSet } from '../backup/engine';

/** The steps of a slot, in their order: each starts when the one before has succeeded. */
export const BACKUP_STEPS = ['backup', 'expire', 'verify', 'report'] as const;
export type BackupStep = (typeof BACKUP_STEPS)[number];

export const BACKUP_TYPES = ['full', 'diff'] as const;
export type BackupType = (typeof BACKUP_TYPES)[number];

/** One planned moment of the schedule: its name is the same however often its event is delivered. */
export interface Slot {
  type: BackupType;
  at: Date;
}

/** A step that was started. */
export interface BackupRun {
  id: string;
  /** `slotName` of the slot; a report outside of the schedule has a name that is no slot's. */
  slot: string;
  step: BackupStep;
  state: 'running' | 'succeeded' | 'failed';
  /** The state in the words of what runs it: "TimedOut", "exit code 1". */
  status: string;
  startedAt: Date;
}

/** The repository at one moment, as the report step finds it. */
export interface BackupReport {
  /** When, by the clock of whoever asked it. */
  at: Date;
  /** Oldest first. */
  backups: readonly Pick<BackupSet, 'type' | 'startedAt' | 'stoppedAt' | 'databaseBytes' | 'storedBytes' | 'damage'>[];
  /** When a drill last proved a restore, where that is known there. */
  provenRestoreAt?: Date | undefined;
}

/** What a step left behind. */
export interface BackupResult {
  run: BackupRun;
  /** What it said on standard error. */
  errors: string;
  /** Of a report that succeeded. */
  report?: BackupReport | undefined;
}

/** Where steps run: on the host by SSM, or on this machine. */
export interface BackupRuns {
  /** Every run of the last days, in any order. */
  recent(): Promise<BackupRun[]>;
  /** Starts a step of the slot of that name and does not wait for its end. @returns the run's id */
  start(step: BackupStep, slot: string): Promise<string>;
  /** One run with what it said; undefined where it is not one of these runs, or not known any more. */
  result(id: string): Promise<BackupResult | undefined>;
}

/** The name of a slot: `full-2026-11-22T02:00Z`. */
export function slotName({ type, at }: Slot): string {
  return `${type}-${at.toISOString().slice(0, 16)}Z`;
}

/** The name of a report between the slots; it names no slot, and nothing follows from it. */
export function reportName(at: Date): string {
  return `report-${at.toISOString().slice(0, 16)}Z`;
}

/** The slot of a name, or undefined for a text that names none. */
export function slotOf(name: string): Slot | undefined {
  const [, type, at = ''] = /^(full|diff)-(\d{4}-\d\d-\d\dT\d\d:\d\dZ)$/.exec(name) ?? [];
  const date = new Date(at);
  if (type === undefined || Number.isNaN(date.getTime())) return undefined;
  return { type: type as BackupType, at: date };
}
