/** What the monitor compares with, small enough for the environment of a Lambda, of which AWS takes 4 KB in all. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Planned } from '../thresholds';

/** What `resolveThresholds` wants beside the thresholds themselves. */
export interface MonitorPlan {
  planned: Planned;
  /** The setting monitoring.thresholds. */
  overrides: Readonly<Record<string, { warning?: number; critical?: number }>>;
  /** The setting monitoring.apiUrl; '' where the application is not asked. */
  apiUrl: string;
}

export function packPlan(plan: MonitorPlan): string {
  return gzipSync(JSON.stringify(plan), { level: 9 }).toString('base64');
}

/** @throws Error for a text that is none of `packPlan` */
export function unpackPlan(text: string): MonitorPlan {
  return JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as MonitorPlan;
}
