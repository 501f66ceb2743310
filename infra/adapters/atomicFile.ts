/** Files that others may read while they are written, or that a killed run must not leave half written. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface AtomicWrite {
  /** @default 0o644, less what the umask takes */
  mode?: number;
  /** The file is on the disk when this returns: it outlives a power cut. */
  durable?: boolean;
  /** Several may write it at once. Else one staging name serves all, and what a killed run left of it is overwritten by the next. */
  concurrent?: boolean;
  /** Gives the file to its owner, before it gets its name. */
  own?: (path: string) => void;
}

/** Puts a file in its place in one step: a reader sees the old one or the new one, whole. The folder must exist. */
export function writeAtomically(file: string, content: string | Uint8Array, options: AtomicWrite = {}): void {
  const staging = options.concurrent === true ? `${file}.${randomBytes(6).toString('hex')}` : `${file}.new`;
  const handle = openSync(staging, 'w', options.mode ?? 0o644);
  try {
    writeFileSync(handle, content);
    if (options.durable === true) fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  options.own?.(staging);
  renameSync(staging, file);
  if (options.durable === true) syncFolder(dirname(file));
}

/** The names in a folder are on the disk when this returns. */
export function syncFolder(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
