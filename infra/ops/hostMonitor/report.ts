/** What the monitor's command prints on the host (infra/postgres/templates/commands/snapshot.sh), read. */
import { gunzipSync } from 'node:zlib';

export interface HostReport {
  /** The host's clock when it began. */
  at: Date;
  uptimeSeconds: number | undefined;
  /** The data volume; undefined where it is not mounted. */
  disk: { sizeBytes: number; usedBytes: number } | undefined;
  memory: { totalBytes: number; availableBytes: number } | undefined;
  /** The answer of qbench.snapshot(), or why there is none. */
  snapshot: unknown;
  snapshotError: string | undefined;
  /** The answer of qbench.probe(), or why there is none. */
  probe: unknown;
  probeError: string | undefined;
}

/** Reads the lines; what is missing or damaged is undefined, as an output that was cut off has it. */
export function parseHostReport(output: string): HostReport {
  const values = (key: string): string[] | undefined => new RegExp(`^${key} (.+)$`, 'm').exec(output)?.[1]?.split(' ');
  const numbers = (key: string): number[] => (values(key) ?? []).map(Number);
  const [at] = numbers('at');
  const [uptime] = numbers('boot');
  const [size, used] = numbers('disk');
  const [total, available] = numbers('memory');
  const snapshot = unpacked(values('snapshot'));
  const probe = unpacked(values('probe'));
  return {
    at: new Date((at ?? 0) * 1000),
    uptimeSeconds: uptime,
    disk: size === undefined || used === undefined ? undefined : { sizeBytes: size, usedBytes: used },
    memory:
      total === undefined || available === undefined ? undefined : { totalBytes: total, availableBytes: available },
    snapshot: json(snapshot),
    snapshotError: snapshot === undefined ? (unpacked(values('snapshot-error')) ?? 'the host said nothing') : undefined,
    probe: json(probe),
    probeError: unpacked(values('probe-error'))?.trim(),
  };
}

function unpacked(words: readonly string[] | undefined): string | undefined {
  try {
    return words?.[0] === undefined ? undefined : gunzipSync(Buffer.from(words[0], 'base64')).toString();
  } catch {
    return undefined;
  }
}

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
