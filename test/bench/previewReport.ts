/** The report of a preview with 500 resources: `qbench preview-report` from start to exit, on the preview that the golden tests read. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../support/machine';
import { recordedPreview } from '../support/recordPreviews';
import { alternate, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 7;

async function measure({ scratch, signal, progress }: BenchContext): Promise<Row[]> {
  const text = recordedPreview('large.jsonl');
  const file = join(scratch, 'large.jsonl');
  writeFileSync(file, text);
  const resources = new Set(text.match(/"urn":"urn:pulumi:large[^"]*"/g)).size;
  let length = 0;
  // It ends with 1: the preview destroys what nobody has named.
  const report = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const launcher = join(CHECKOUT, 'scripts', 'qbench.mjs');
      const child = spawn(process.execPath, [launcher, 'preview-report', file], {
        signal,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      length = 0;
      child.stdout.setEncoding('utf8').on('data', (data: string) => (length += data.length));
      child.on('error', reject);
      child.on('close', (code) => (code === 1 ? resolve() : reject(new Error(`preview-report ended with ${code}`))));
    });
  // The first run fills the caches.
  await report();
  const seconds = await alternate(ROUNDS, {
    report: async (round) => {
      progress.update({ phase: 'preview-report', done: round, total: ROUNDS, unit: 'rounds' });
      return secondsOf(report);
    },
  });
  return [
    {
      name: 'preview-report',
      ...summary(seconds.report),
      unit: 's',
      target: { atMost: 1 },
      note: `start to exit on a preview of ${resources} resources, ${(text.length / 1e6).toFixed(1)} MB; the report has ${length} characters`,
    },
  ];
}

export const previewReportBench: Bench = {
  name: 'preview-report',
  about: 'the report of a preview with 500 resources',
  run: measure,
};
