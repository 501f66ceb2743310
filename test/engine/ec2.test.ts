/**
 * Tier ec2 on the real engine with the recording aws plugin: which change updates, replaces or is refused, in which order, and
 * what two stacks share. Not proven: that AWS takes any of it, and that its provider replaces exactly where the table says.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EPHEMERAL, messages, plannedDiff, PRODUCTION, RecordedAws } from '../support/awsPlugin';
import { HostDatabases, type HostStack } from '../support/hostDatabase';
import { CHECKOUT } from '../support/machine';
import { expectSuccess, type TestStack } from '../support/stack';

const HOST = { ec2: { instanceType: 'r7g.xlarge', volumeGiB: 100, iops: 3000 } };
const BASE = { ...PRODUCTION, ...HOST };
/** What must never be replaced or deleted without being named. */
const PRECIOUS = ['data-volume', 'backups-bucket', 'key-key', 'secrets-repository', 'host-instance', 'host-interface'];

const aws = new RecordedAws();
let databases: HostDatabases;
let stack: TestStack;
let configure: HostStack['configure'];

beforeAll(async () => {
  databases = await HostDatabases.start(aws.account);
  ({ stack, configure } = await databases.stack(aws, 'prod', BASE));
});
afterAll(async () => {
  await databases.stop();
  aws.remove();
});

async function stateOf(of: TestStack, name: string): Promise<Record<string, unknown>> {
  const found = (await of.state()).find(({ urn }) => urn.endsWith(`::${name}`));
  if (found === undefined) throw new Error(`${name} is not in the state`);
  return found as unknown as Record<string, unknown>;
}

describe('a stack in production', () => {
  it('previews before anything exists, and touches nothing', async () => {
    const planned = await plannedDiff(stack);
    expect(Object.values(planned).every(({ op }) => op === 'create')).toBe(true);
    expect(Object.keys(planned)).toEqual(expect.arrayContaining(PRECIOUS));
    expect(aws.journal).toEqual([]);
  });

  it('comes up, each thing after what it needs', async () => {
    expectSuccess(await stack.up());
    const order = aws.journal.map(({ name }) => name);
    const before = (first: string, then: string): void => {
      expect(order.indexOf(first), `${first} before ${then}`).toBeLessThan(order.indexOf(then));
    };
    // The host finds its way out, its rights, its secret and the protection of the bucket when it boots.
    for (const needed of ['network-private-out', 'network-s3', 'role-rights', 'secrets-host-secret', 'data-volume']) {
      before(needed, 'host-instance');
    }
    before('host-instance', 'host-data');
    before('host-instance', 'configuration-association');
  });

  it('changes nothing in a second preview, although Debian has published a newer image', async () => {
    aws.publishImage('ami-0fedcba9876543210');
    expect(await plannedDiff(stack)).toEqual({});
  });

  it('changes one function when the code of one Lambda is another', async () => {
    const cache = join(CHECKOUT, '.qbench', 'lambda');
    const file = join(cache, 'monitor.json');
    const before = readFileSync(file, 'utf8');
    const manifest = JSON.parse(before) as { zip: string; sha256: string };
    const other = `monitor-${'0'.repeat(16)}.zip`;
    const zip = zipSync({ 'index.mjs': Buffer.from('export const handler = async () => "another";') });
    writeFileSync(join(cache, other), zip);
    try {
      writeFileSync(
        file,
        JSON.stringify({ ...manifest, zip: other, sha256: createHash('sha256').update(zip).digest('base64') }),
      );
      const planned = await plannedDiff(stack);
      expect(Object.keys(planned)).toEqual(['lambda-monitor-function']);
      expect(planned['lambda-monitor-function']).toMatchObject({ op: 'update' });
      expect(planned['lambda-monitor-function']?.properties).toContain('sourceCodeHash');
    } finally {
      writeFileSync(file, before);
      rmSync(join(cache, other));
    }
  });

  it('protects what holds data, and keeps it in the account if it leaves the stack', async () => {
    for (const name of PRECIOUS) expect(await stateOf(stack, name), name).toMatchObject({ protect: true });
    for (const name of ['data-volume', 'backups-bucket', 'key-key', 'secrets-host-secret']) {
      expect(await stateOf(stack, name), name).toMatchObject({ retainOnDelete: true });
    }
  });

  it('brings a changed parameter to the living host, and changes nothing else', async () => {
    configure({ ...BASE, postgresParameters: { log_temp_files: '1MB' } });
    expect(await plannedDiff(stack)).toEqual({
      // What the monitor compares with.
      'lambda-monitor-function': { op: 'update', properties: ['environment.variables.QBENCH_PLAN'] },
      'configuration-document': { op: 'update', properties: ['content'] },
      'configuration-association': { op: 'update', properties: ['parameters.digest'] },
    });
  });

  it('updates in place what can be: disk speed, who may connect, how long backups stay', async () => {
    configure({
      ...BASE,
      ec2: { ...HOST.ec2, iops: 4000, throughputMiBps: 250 },
      network: { allowedCidrs: ['10.0.4.0/24'] },
      backup: { retentionDays: 14 },
    });
    expect(await plannedDiff(stack)).toEqual({
      'data-volume': { op: 'update', properties: ['iops', 'throughput'] },
      'security-from-10.0.4.0/24': { op: 'create', properties: [] },
      'backups-lifecycle': { op: 'update', properties: ['rules[1].noncurrentVersionExpiration.noncurrentDays'] },
      'backups-lock': { op: 'update', properties: ['rule.defaultRetention.days'] },
      'data-snapshots': { op: 'update', properties: ['policyDetails.schedules[0].retainRule.count'] },
      'configuration-document': { op: 'update', properties: ['content'] },
      'configuration-association': { op: 'update', properties: ['parameters.digest'] },
    });
  });

  it('grows the volume and the machine without replacing either', async () => {
    configure({ ...BASE, ec2: { instanceType: 'r7g.2xlarge', volumeGiB: 200, iops: 3000 } });
    expect(await plannedDiff(stack)).toEqual({
      'data-volume': { op: 'update', properties: ['size'] },
      // What the monitor compares with.
      'lambda-monitor-function': { op: 'update', properties: ['environment.variables.QBENCH_PLAN'] },
      'host-instance': { op: 'update', properties: ['instanceType'] },
      // More memory for a build.
      'schema-indexes': { op: 'update', properties: ['stdin'] },
      'configuration-document': { op: 'update', properties: ['content'] },
      'configuration-association': { op: 'update', properties: ['parameters.digest'] },
    });
  });

  it.each([
    ['another image', { ...BASE, ec2: { ...HOST.ec2, amiId: 'ami-0aaaaaaaaaaaaaaaa' } }, 'host-instance'],
    ['another range of the network', { ...BASE, network: { vpcCidr: '10.99.0.0/20' } }, 'host-interface'],
  ])('refuses %s in the preview, and names what would be lost', async (_, config, name) => {
    configure(config);
    const result = await stack.pulumi('preview');
    expect(result.code).not.toBe(0);
    expect(messages(result)).toMatch(new RegExp(`${name}.*\\n?.*protect|protect.*${name}`, 'i'));
  });

  it('replaces the host where it is named, and leaves its data and its address', async () => {
    configure({ ...BASE, allowDestroy: ['host-instance'] });
    const planned = await plannedDiff(stack);
    // Engine steps of a replacement are several; the last one names it.
    expect(planned['host-instance']?.op).toMatch(/replace/);
    expect(planned['host-data']?.op).toMatch(/replace/);
    for (const name of PRECIOUS.filter((each) => each !== 'host-instance'))
      expect(planned, name).not.toHaveProperty([name]);
  });

  it('cannot be destroyed, not even in part, and not even without a preview', async () => {
    configure(BASE);
    const before = aws.journal.length;
    const result = await stack.destroy();
    expect(result.code).not.toBe(0);
    expect(messages(result)).toMatch(/protect/i);
    expect(aws.journal.slice(before)).toEqual([]);
  });
});

describe('an ephemeral stack beside it', () => {
  let other: TestStack;
  let reconfigure: HostStack['configure'];

  it('comes up in the same account, with names of its own', async () => {
    ({ stack: other, configure: reconfigure } = await databases.stack(aws, 'pr-42', EPHEMERAL));
    expectSuccess(await other.up());
    const hidden = JSON.stringify(await other.state());
    const shown = await other.pulumi('stack', 'export', '--show-secrets');
    const [, passphrase = ''] = /repositoryPassphrase[\\": ]+([A-Za-z0-9]{48})/.exec(shown.stdout) ?? [];
    expect(passphrase).toHaveLength(48);
    expect(hidden).not.toContain(passphrase);
  });

  it('gets a new host on the old volume and address when the host is named', async () => {
    const { endpoint } = await other.outputs();
    const before = aws.journal.length;
    aws.publishImage('ami-0bbbbbbbbbbbbbbbb');
    reconfigure({ ...EPHEMERAL, allowDestroy: ['host-instance'] });
    expectSuccess(await other.up());
    const done = aws.journal.slice(before).map(({ op, name }) => `${op} ${name}`);
    const moved = done.filter((line) => /host-(instance|data)$/.test(line));
    expect(moved).toEqual(['delete host-data', 'delete host-instance', 'create host-instance', 'create host-data']);
    expect(done.filter((line) => /volume|interface|bucket|key-key/.test(line))).toEqual([]);
    expect((await other.outputs())['endpoint']).toBe(endpoint);
  });

  it('vanishes whole: the volume after its host, the network last, nothing of the other stack', async () => {
    const before = aws.journal.length;
    const mine = new Set(aws.journal.filter(({ op }) => op === 'create').map(({ id }) => id));
    expectSuccess(await other.destroy());
    const done = aws.journal.slice(before);
    const order = done.map(({ name }) => name);
    expect(order.indexOf('host-data')).toBeLessThan(order.indexOf('host-instance'));
    expect(order.indexOf('host-instance')).toBeLessThan(order.indexOf('network-vpc'));
    expect(order).toEqual(expect.arrayContaining(['data-volume', 'backups-bucket', 'key-key', 'network-vpc']));
    // What goes with its bucket or key needs no call of its own.
    expect(order.filter((name) => /^backups-(policy|private|encryption|versioning)$|key-alias/.test(name))).toEqual([]);
    expect(done.every(({ op, id }) => op === 'delete' && mine.has(id))).toBe(true);
    expect((await other.state()).filter(({ type }) => type !== 'pulumi:pulumi:Stack')).toEqual([]);
    expect(await stateOf(stack, 'data-volume')).toMatchObject({ type: 'aws:ebs/volume:Volume' });
  });
});
