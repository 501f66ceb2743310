/** This moment by the wall clock and, on Linux, by the clock that counts from boot and that nobody can set. */
import { readFileSync } from 'node:fs';
import type { Moment } from '../ops/stacks/lifetime';

export function currentMoment(): Moment {
  const wallMs = Date.now();
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    return { wallMs, bootId, sinceBootMs: Math.round(seconds * 1_000) };
  } catch {
    return { wallMs };
  }
}
