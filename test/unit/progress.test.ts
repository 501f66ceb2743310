/** The progress of long work: one live line on a terminal, a plain line now and then elsewhere. */
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress, formatDuration, formatProgress } from '../../scripts/support/progress';

function stream(isTTY: boolean, columns = 40): { target: NodeJS.WriteStream; text: () => string } {
  let written = '';
  const target = new Writable({
    write(chunk: Buffer, _, done) {
      written += chunk.toString('utf8');
      done();
    },
  });
  return { target: Object.assign(target, { isTTY, columns }) as unknown as NodeJS.WriteStream, text: () => written };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('in words', () => {
  it.each([
    [0.2, '1 s'],
    [89, '89 s'],
    [90, '2 min'],
    [5_400, '1 h 30 min'],
  ])('%s seconds are %s', (seconds, words) => {
    expect(formatDuration(seconds)).toBe(words);
  });

  it.each([
    [{ phase: 'loading' }, 'loading'],
    [{ phase: 'loading', done: 1_234, unit: 'rows' }, 'loading, 1,234 rows'],
    [
      { phase: 'loading', done: 50, total: 200, unit: 'rows', etaSeconds: 30 },
      'loading, 25 % (50 of 200 rows), about 30 s left',
    ],
    [{ phase: 'loading', done: 5, total: 0 }, 'loading, 5'],
    [{ phase: 'loading', etaSeconds: Infinity }, 'loading'],
  ])('%j is "%s"', (progress, words) => {
    expect(formatProgress(progress)).toBe(words);
  });
});

describe('without a terminal', () => {
  it('writes each phase once, then a line every five seconds at most, and every note', () => {
    const { target, text } = stream(false);
    const progress = createProgress(target);
    for (let done = 0; done < 10; done++) {
      progress.update({ phase: 'loading', done });
      vi.advanceTimersByTime(1_000);
    }
    progress.note('a warning');
    progress.update({ phase: 'indexing' });
    expect(text()).toBe('loading, 0\nloading, 5\na warning\nindexing\n');
  });
});

describe('on a terminal', () => {
  it('redraws one line that never wraps, and clears it for a note', () => {
    const { target, text } = stream(true, 20);
    const progress = createProgress(target);
    progress.update({ phase: 'a phase with a very long name indeed' });
    vi.advanceTimersByTime(50);
    progress.update({ phase: 'a phase with a very long name indeed', done: 1 });
    progress.note('a note');
    progress.note('another');
    expect(text()).toBe('a phase with a very\r\u001b[Ka note\nanother\n');
  });
});
