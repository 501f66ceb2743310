/**
 * The report on previews that the real engine printed (`test/support/recordPreviews.ts` records them), against golden Markdown;
 * and the gate. Not proven: that the engine of today prints the same; `test/engine/policy.test.ts` reads a fresh one.
 */
import { describe, expect, it } from 'vitest';
import { readMigrations } from '../../infra/ops/migrations/manifest';
import { readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { LONGEST_REPORT, reportJson, reportMarkdown } from '../../infra/ops/review/markdown';
import { parsePreview, type Preview } from '../../infra/ops/review/preview';
import { isRefused, makeReport, type Report, type ReportInput } from '../../infra/ops/review/report';
import { factsOfPreview, rawSetting } from '../../scripts/support/review';
import { policyVerdicts } from '../../scripts/support/policyVerdicts';
import { CHECKOUT } from '../support/machine';
import { recordedPreview } from '../support/recordPreviews';

const NOW = new Date('2026-11-22T12:00:00Z');

function reportOf(preview: Preview, given: Partial<ReportInput> = {}): Report {
  const { settings, plan, capacity, region } = factsOfPreview(preview, CHECKOUT);
  return makeReport({
    preview,
    environment: settings?.environment ?? rawSetting(preview, 'environment') ?? 'production',
    tier: settings?.tier ?? 'unknown',
    region,
    plan,
    capacityAfter: capacity,
    migrations: readMigrations(),
    policies: policyVerdicts(preview, settings, NOW),
    allowDestroy: settings?.allowDestroy ?? [],
    labels: [],
    backup: undefined,
    now: NOW,
    ...given,
  });
}

const report = (name: string, given?: Partial<ReportInput>): Report =>
  reportOf(parsePreview(recordedPreview(name)), given);
const risks = ({ changes }: Report): Record<string, string> =>
  Object.fromEntries(changes.map(({ name, risk }) => [name, risk]));

const PROVEN = readBackupEvidence(
  JSON.stringify({
    repository: 's3://qbench-postgres-prod-backups-111122223333/prod',
    backups: [{ name: '20261122-020000F' }],
    lastProvenRestore: { backup: '20261122-020000F', finishedAt: '2026-11-22T04:00:00Z', passed: true },
  }),
);

describe('the report on a recorded preview', () => {
  it.each([
    'first.jsonl',
    'one-line.jsonl',
    'one-line.json',
    'grown.jsonl',
    'new-host.jsonl',
    'refused-by-the-engine.json',
    'protection-taken-away.jsonl',
    'key-deleted.jsonl',
    'key-deleted.json',
    'large.jsonl',
    'local-first.jsonl',
    'local-index.jsonl',
    'local-passwords.jsonl',
  ])('%s reads as it did', async (name) => {
    const made = report(name);
    const markdown = reportMarkdown(made);
    await expect(markdown).toMatchFileSnapshot(`../golden/previews/${name}.md`);
    expect(markdown.length).toBeLessThanOrEqual(LONGEST_REPORT);
    expect(reportJson(made).length).toBeLessThanOrEqual(LONGEST_REPORT);
    expect(() => JSON.parse(reportJson(made)) as unknown).not.toThrow();
  });

  it('says of a reload, of growth and of a new host what they mean', () => {
    expect(report('one-line.jsonl')).toMatchObject({ risk: 'safe', gate: { passed: true } });
    expect(risks(report('grown.jsonl'))).toMatchObject({
      'data-volume': 'slow',
      'host-instance': 'restart',
      'configuration-document': 'restart',
    });
    expect(risks(report('new-host.jsonl'))).toMatchObject({ 'host-instance': 'replaces', 'host-data': 'replaces' });
    expect(isRefused(report('grown.jsonl'))).toBe(false);
  });

  it('says of local changes which parameters restart, which indexes are built and how long that takes', () => {
    const made = report('local-index.jsonl');
    expect(made.parameters).toContainEqual({
      name: 'max_wal_senders',
      before: expect.any(String) as string,
      after: '12',
      needs: 'restart',
    });
    expect(made.parameters.find(({ name }) => name === 'work_mem')).toMatchObject({ needs: 'reload' });
    expect(made.rebuilds.map(({ index }) => index)).toEqual([
      'idx_test_documents_embedding',
      'idx_test_steps_embedding',
    ]);
    expect(made.rebuilds[0]?.why).toContain('m: 16 -> 32');
    expect(made.rebuilds[0]?.estimatedSeconds).toBeGreaterThan(0);
    expect(risks(made)).toMatchObject({ 'local-server': 'restart', 'schema-indexes': 'slow' });
  });

  it('tells both forms of one preview alike, as far as they tell the same', () => {
    expect(risks(report('one-line.json'))).toEqual(risks(report('one-line.jsonl')));
    expect(report('one-line.json').cost).toMatchObject({ before: undefined, after: undefined });
    expect(report('one-line.jsonl').cost.after?.items.length).toBeGreaterThan(5);
  });

  it('says what a price is not known of, and counts it in no sum', () => {
    const { after } = report('one-line.jsonl').cost;
    expect(after?.unknown).toContain('data-snapshots');
    expect(after?.items.find(({ name }) => name === 'data-snapshots')).toMatchObject({ usdPerMonth: undefined });
    expect(after?.knownUsdPerMonth).toBeGreaterThan(0);
    expect(reportMarkdown(report('one-line.jsonl'))).toMatch(/at least [\d.]+ USD; not known: .*data-snapshots/);
  });
});

describe('the budget of a stack', () => {
  it.each([
    [1, true, /Above the budget of 1\.00 USD a month/],
    // The snapshots have no price, so what is below may still be above.
    [100_000, undefined, /Whether it stays below the budget of 100000\.00 USD a month is not known/],
  ])('of %d USD is compared with the cost after the change', (budgetUsdPerMonth, exceeded, words) => {
    const made = report('one-line.jsonl', { budgetUsdPerMonth });
    expect(made.cost.budget?.exceeded).toBe(exceeded);
    expect(reportMarkdown(made)).toMatch(words);
  });

  it('is kept where everything has a price, and not spoken of where there is none', () => {
    const here = report('local-first.jsonl', { budgetUsdPerMonth: 10 });
    expect(here.cost.budget).toEqual({ usdPerMonth: 10, exceeded: false });
    expect(reportMarkdown(here)).toContain('Below the budget of 10.00 USD a month.');
    expect(reportMarkdown(report('local-first.jsonl'))).not.toContain('budget');
  });
});

describe('a large preview', () => {
  it('keeps what loses data in sight, however much else there is', () => {
    const made = report('large.jsonl');
    expect(made.changes.length).toBeGreaterThan(450);
    const markdown = reportMarkdown(made, 20_000);
    expect(markdown.length).toBeLessThanOrEqual(20_000);
    for (let i = 0; i < 10; i++) expect(markdown).toContain(`\`volume-${i}\``);
    for (let i = 0; i < 5; i++) expect(markdown).toContain(`\`bucket-${i}\``);
    const short = JSON.parse(reportJson(made)) as Report;
    expect(short.changes.length + short.omittedChanges).toBe(made.changes.length);
    expect(short.changes[0]?.risk).toBe('loses data');
  });
});

describe('the gate', () => {
  const blocked = (made: Report): string[] => made.gate.blocked.map(({ name }) => name);

  it('refuses a key that goes, by name', () => {
    const made = report('key-deleted.jsonl', { backup: PROVEN });
    expect(blocked(made)).toEqual(['key-key']);
    expect(isRefused(made)).toBe(true);
    expect(blocked(report('key-deleted.json', { backup: PROVEN }))).toEqual(['key-key']);
  });

  it.each([
    ['the configuration', { allowDestroy: ['key-key'] }],
    [
      'a URN in the configuration',
      { allowDestroy: ['urn:pulumi:prod::qbench-postgres::qbench:aws:EncryptionKey$aws:kms/key:Key::key-key'] },
    ],
    ['a label', { labels: ['documentation', 'allow-destroy:key-key'] }],
  ])('lets it go where %s names it and a restore was proven', (_, named) => {
    expect(report('key-deleted.jsonl', { ...named, backup: PROVEN }).gate).toMatchObject({
      passed: true,
      blocked: [],
      backup: { fresh: true },
    });
  });

  it.each(['allow-destroy', 'allow-destroy:data-volume', 'allow-destroy:key', 'key-key'])(
    'is not opened by the label %s',
    (label) => {
      expect(report('key-deleted.jsonl', { labels: [label], backup: PROVEN }).gate.passed).toBe(false);
    },
  );

  const info = (change: object): string =>
    JSON.stringify({
      repository: PROVEN.repository,
      backups: [{ name: 'F1' }],
      lastProvenRestore: { backup: 'F1', finishedAt: '2026-11-22T04:00:00Z', passed: true },
      ...change,
    });

  it.each([
    ['there is no evidence', undefined, /no evidence/],
    ['no restore was proven', info({ lastProvenRestore: undefined }), /no restore of F1 was proven/],
    [
      'the drill failed',
      info({ lastProvenRestore: { backup: 'F1', finishedAt: '2026-11-22T04:00:00Z', passed: false } }),
      /no restore/,
    ],
    [
      'it is too old',
      info({ lastProvenRestore: { backup: 'F1', finishedAt: '2026-11-20T04:00:00Z', passed: true } }),
      /56 hours ago/,
    ],
    [
      'it is of the future',
      info({ lastProvenRestore: { backup: 'F1', finishedAt: '2026-11-23T04:00:00Z', passed: true } }),
      /clock/,
    ],
    ['the backup is gone', info({ backups: [{ name: 'F2' }] }), /no longer in the repository/],
    ['the backup is damaged', info({ backups: [{ name: 'F1', damage: 'page 7' }] }), /damaged: page 7/],
    ['it is of another stack', info({ repository: 's3://other/prod' }), /the evidence is of s3:\/\/other\/prod/],
    ['it names another stack', info({ stack: 'staging' }), /the evidence is of stack staging, not of prod/],
    ['it is of some host, and names no stack', info({ repository: 'host i-1: /etc/x' }), /the evidence is of host i-1/],
  ])('refuses what was named in production where %s', (_, evidence, why) => {
    const backup = evidence === undefined ? undefined : readBackupEvidence(evidence);
    const { gate } = report('key-deleted.jsonl', { allowDestroy: ['key-key'], backup });
    expect(gate.passed).toBe(false);
    expect(gate.backup?.why).toMatch(why);
  });

  it('takes the evidence of a host for that of its stack', () => {
    const backup = readBackupEvidence(info({ stack: 'prod', repository: 'host i-1: /etc/pgbackrest/pgbackrest.conf' }));
    expect(report('key-deleted.jsonl', { allowDestroy: ['key-key'], backup }).gate).toMatchObject({ passed: true });
  });

  it('refuses to have protection taken away in production unless named', () => {
    expect(blocked(report('protection-taken-away.jsonl', { allowDestroy: [], backup: PROVEN }))).toEqual(['key-key']);
    expect(report('protection-taken-away.jsonl', { backup: PROVEN }).gate.passed).toBe(true);
  });

  it('does not pass a preview that the engine refused', () => {
    const made = report('refused-by-the-engine.json');
    expect(made.complete).toBe(false);
    expect(isRefused(made)).toBe(true);
  });

  it.each([
    ['drops a column', 'ALTER TABLE test_documents DROP COLUMN title;', ['000099-x.sql']],
    ['adds a column', 'ALTER TABLE test_documents ADD COLUMN owner text;', []],
    ['is not in the checkout', undefined, ['000099-x.sql']],
  ])('judges a migration that %s by its text', (_, sql, expected) => {
    const preview = parsePreview(recordedPreview('local-index.jsonl'));
    const migrations = preview.resources.find(({ name }) => name === 'schema-migrations');
    if (migrations?.after === undefined) throw new Error('the fixture has no migrations');
    const stdin = JSON.parse(String(migrations.after.inputs['stdin'])) as { migrations: object[] };
    stdin.migrations.push({ file: '000099-x.sql', sha256: 'f' });
    const changed = {
      ...migrations,
      operation: 'update' as const,
      after: { ...migrations.after, inputs: { ...migrations.after.inputs, stdin: JSON.stringify(stdin) } },
    };
    const resources = preview.resources.map((resource) => (resource === migrations ? changed : resource));
    const texts = sql === undefined ? [] : [{ file: '000099-x.sql', sha256: 'f', sql }];
    const made = reportOf({ ...preview, resources }, { migrations: texts, policies: [] });
    expect(blocked(made)).toEqual(expected);
    const labelled = reportOf(
      { ...preview, resources },
      { migrations: texts, policies: [], labels: ['allow-destroy:000099'] },
    );
    expect(blocked(labelled)).toEqual([]);
  });
});

describe('what is no preview', () => {
  it.each([
    ['nothing', ''],
    ['prose', 'Previewing update (dev)'],
    ['other JSON', '{"a": 1}'],
    ['a list', '[]'],
    ['a broken line', '{"sequence":1'],
  ])('%s is refused with how to make one', (_, text) => expect(() => parsePreview(text)).toThrow(/preview|JSON/));
});
