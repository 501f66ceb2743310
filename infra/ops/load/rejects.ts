/** The reject file of `--skip-bad`: JSON Lines of { line, reasons, text }. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { UsageError } from '../errors';
import type { BadLine } from './batches';

interface Reject {
  line: number;
  reasons: string[];
  /** The line as it was; bytes that are not UTF-8 became U+FFFD. Null where it was too long to keep. */
  text: string | null;
}

export class RejectFile {
  private readonly handle: number;

  /**
   * @param afterLine 0 for a load from the first line; else rejects behind this line are dropped, because their batch was
   *   never committed and its lines are judged again
   * @throws UsageError where the file is there already and is not the one of this load
   */
  constructor(path: string, afterLine: number) {
    const there = existsSync(path);
    if (afterLine === 0 && there && readFileSync(path).length > 0) {
      throw new UsageError(`${path} is there already`, {
        next: 'name a new file for --skip-bad, or move this one away',
      });
    }
    if (afterLine > 0 && there) keepUpTo(path, afterLine);
    // Lines hold what the application holds: not for other users of this machine.
    this.handle = openSync(path, 'a', 0o600);
  }

  /** On disk when this returns, so that a committed batch never lacks its rejects. */
  append(bad: readonly BadLine[]): void {
    if (bad.length === 0) return;
    const rejects = bad.map(({ line, reasons, bytes }): Reject => ({
      line,
      reasons,
      text: bytes?.toString('utf8') ?? null,
    }));
    writeSync(this.handle, rejects.map((reject) => `${JSON.stringify(reject)}\n`).join(''));
    fsyncSync(this.handle);
  }

  close(): void {
    closeSync(this.handle);
  }
}

function keepUpTo(path: string, line: number): void {
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text !== '' && lineOf(text) <= line);
  writeFileSync(`${path}.new`, kept.map((text) => `${text}\n`).join(''), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A half-written last entry counts as behind every line. */
function lineOf(text: string): number {
  try {
    return (JSON.parse(text) as Reject).line;
  } catch {
    return Infinity;
  }
}
