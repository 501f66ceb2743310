/** The tag by which a shared Pulumi backend tells other machines that a stack is a test stack, and until when. */
import { parseTtlTag, utcSeconds } from '../../../infra/ops/stacks/lifetime';
import type { Marker } from './marker';

export const TAG = 'qbench:test-stack';

/** "ec2 eu-central-1 24h 2026-01-31T08:00:00Z"; the region of tier local is "-". */
export function tagText({ tier, region, ttlHours, created }: Marker): string {
  return [tier, region === '' ? '-' : region, `${ttlHours}h`, utcSeconds(created.wallMs)].join(' ');
}

/**
 * @param changedMs last update of the stack
 * @param hasResources an update of it has made something
 * @returns undefined where the text is none of ours: then nothing says that it is a test stack
 */
export function readTag(name: string, text: string, changedMs: number, hasResources: boolean): Marker | undefined {
  const [tier = '', region = '', ttl, created = ''] = text.split(' ');
  const [ttlHours, createdMs] = [parseTtlTag(ttl), Date.parse(created)];
  if (ttlHours === undefined || Number.isNaN(createdMs)) return undefined;
  return {
    name,
    tier,
    region: region === '-' ? '' : region,
    phase: hasResources ? 'ready' : 'creating',
    created: { wallMs: createdMs },
    changed: { wallMs: Number.isNaN(changedMs) ? createdMs : changedMs },
    ttlHours,
  };
}
