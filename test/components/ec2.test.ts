/**
 * What tier ec2 declares, against the security list. Proves inputs; not that AWS takes them, nor what the engine protects:
 * `test/engine/ec2.test.ts` does the latter.
 */
import { gunzipSync } from 'node:zlib';
import { isSecret } from '@pulumi/pulumi';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { instanceTypeNamed } from '../../infra/capacity/instanceTypes';
import type { PolicyDocument } from '../../infra/iam';
import { AWS_TYPES } from '../../scripts/toolchain/plugins/aws/types';
import { CANARY, declareEc2, type Ec2Program } from '../support/awsMocks';
import { EPHEMERAL, PRODUCTION } from '../support/awsPlugin';
import type { CloudConfig } from '../support/hostScripts';
import { valueOf } from '../support/mocks';

let production: Ec2Program;
let ephemeral: Ec2Program;
let adopted: Ec2Program;

beforeAll(async () => {
  production = await declareEc2({
    ...PRODUCTION,
    network: { allowedCidrs: ['10.0.4.0/24'] },
    tags: { team: 'search' },
  });
  ephemeral = await declareEc2({ ...EPHEMERAL, network: { egress: 'public' } });
  adopted = await declareEc2({
    ...PRODUCTION,
    aws: {
      region: 'eu-central-1',
      kmsKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012',
    },
    network: {
      vpcId: 'vpc-0123456789abcdef0',
      subnetIds: ['subnet-0123456789abcdef0'],
      allowedSecurityGroupIds: ['sg-0123456789abcdef0'],
    },
  });
});

const everyone = (): Ec2Program[] => [production, ephemeral, adopted];

function userDataOf({ named }: Ec2Program): CloudConfig {
  const text = gunzipSync(Buffer.from(String(named('host-instance').inputs['userDataBase64']), 'base64')).toString();
  return load(text) as CloudConfig;
}

function fileOf(program: Ec2Program, path: string): string {
  return userDataOf(program).write_files.find((file) => file.path === path)?.content ?? '';
}

describe('tier ec2', () => {
  it('never renames what it has declared before', () => {
    // A changed name deletes and makes anew: rename only with an alias, and say so here.
    for (const program of everyone()) {
      expect(program.declared.map(({ type, name }) => `${type} ${name}`).sort()).toMatchSnapshot();
    }
  });

  it('has the machine of the plan: 32 GiB for the default workload, 16 GiB at least', async () => {
    const memoryGiB = ({ named }: Ec2Program): number | undefined =>
      instanceTypeNamed(String(named('host-instance').inputs['instanceType']))?.memoryGiB;
    expect(memoryGiB(production)).toBe(32);
    expect(memoryGiB(await declareEc2({ ...EPHEMERAL, workload: { documents: 1000 } }))).toBe(16);
    const intel = await declareEc2({
      ...EPHEMERAL,
      ec2: { amiId: 'ami-0123456789abcdef1', amiArchitecture: 'x86_64' },
    });
    expect(intel.named('host-instance').inputs).toMatchObject({
      instanceType: 'r7i.xlarge',
      ami: 'ami-0123456789abcdef1',
    });
  });

  it('refuses a type that cannot hold the workload, with the numbers, before anything is declared', async () => {
    await expect(declareEc2({ ...EPHEMERAL, ec2: { instanceType: 'm8g.xlarge' } })).rejects.toThrow(/MiB|GiB/);
  });

  it('refuses an override that cannot be in words, before anything is declared', async () => {
    const raw = { ...EPHEMERAL, postgresParameters: { work_memory: '4MB' } };
    await expect(declareEc2(raw)).rejects.toThrow(/work_memory/);
  });

  it('says where the database is, and no password', async () => {
    const secret = await Promise.all(
      Object.entries(production.outputs).map(async ([key, value]) => [key, await isSecretOutput(value)] as const),
    );
    expect(secret.filter(([, hidden]) => hidden).map(([key]) => key)).toEqual(['databaseUrl']);
    expect(await valueOf(production.outputs.backupRepository)).toBe(
      's3://qbench-postgres-mocked-backups-111122223333/mocked',
    );
    expect(await valueOf(production.outputs.endpoint)).toMatch(/^10\.64\./);
  });

  it('keeps every secret in Secrets Manager alone', () => {
    for (const { declared, named } of everyone()) {
      const holding = declared.filter(({ inputs }) => JSON.stringify(inputs).includes(CANARY)).map(({ name }) => name);
      // And in the configuration of the provider that makes the roles, which the engine encrypts.
      expect(holding.sort()).toEqual([
        'administration-postgresql',
        'role-passwords-version',
        'secrets-host-version',
        'secrets-superuser-version',
      ]);
      // The host never learns the password, only what the server keeps of it.
      const content = JSON.parse(String(named('secrets-host-version').inputs['secretString'])) as Record<
        string,
        string
      >;
      expect(content['superuserVerifier']).toMatch(/^SCRAM-SHA-256\$4096:/);
      expect(content['adminVerifier']).toMatch(/^SCRAM-SHA-256\$4096:/);
      expect(Object.keys(content).sort()).toEqual(['adminVerifier', 'repositoryPassphrase', 'superuserVerifier']);
    }
  });

  it('tags everything that takes tags, and an ephemeral stack with its end', () => {
    for (const [program, ttl] of [
      [production, undefined],
      [ephemeral, '24h'],
      [adopted, undefined],
    ] as const) {
      for (const { type, name, inputs } of program.declared.filter(
        ({ type }) => AWS_TYPES[type]?.inputs['tags'] === 'map',
      )) {
        const tags = inputs['tags'] as Record<string, string>;
        expect(tags, `${type} ${name}`).toMatchObject({
          project: 'qbench-postgres',
          stack: 'mocked',
          owner: 'platform',
          'managed-by': 'pulumi',
        });
        expect(tags['ttl'], name).toBe(ttl);
      }
    }
    expect(production.named('data-volume').inputs['tags']).toMatchObject({ team: 'search' });
  });
});

describe('the host', () => {
  it('is reached through SSM only: IMDSv2, no key pair, no public address of its own', () => {
    for (const program of everyone()) {
      const { inputs } = program.named('host-instance');
      expect(inputs['metadataOptions']).toMatchObject({ httpTokens: 'required', httpPutResponseHopLimit: 1 });
      expect(inputs).not.toHaveProperty('keyName');
      expect(inputs).not.toHaveProperty('associatePublicIpAddress');
      expect(inputs['iamInstanceProfile']).toBe('qbench-postgres-mocked-host');
    }
    expect(production.ofType('aws:ec2/eip:Eip').map(({ name }) => name)).toEqual(['network-nat-address']);
    expect(ephemeral.ofType('aws:ec2/eip:Eip').map(({ name }) => name)).toEqual(['host-public']);
    expect(adopted.ofType('aws:ec2/eip:Eip')).toEqual([]);
  });

  it('has encrypted disks, the data on a volume of its own that snapshots cover', () => {
    for (const { named } of everyone()) {
      const key = named('data-volume').inputs['kmsKeyId'];
      expect(key).toMatch(/^arn:aws:kms:/);
      expect(named('data-volume').inputs).toMatchObject({
        encrypted: true,
        type: 'gp3',
        iops: 3000,
        throughput: 125,
        size: 100,
      });
      expect(named('host-instance').inputs['rootBlockDevice']).toMatchObject({ encrypted: true, kmsKeyId: key });
      const { targetTags } = named('data-snapshots').inputs['policyDetails'] as { targetTags: Record<string, string> };
      expect(named('data-volume').inputs['tags']).toMatchObject(targetTags);
    }
  });

  it('is told its own address, volume, secret and bucket', async () => {
    const environment = fileOf(production, '/etc/qbench/host.env');
    const address = await valueOf(production.outputs.endpoint);
    expect(environment).toContain(`QB_ADDRESS='${address}'`);
    expect(environment).toMatch(/QB_VOLUME_SERIAL='vol0[0-9a-f]{16}'/);
    expect(environment).toMatch(
      /QB_SECRET_ID='arn:aws:secretsmanager:eu-central-1:111122223333:secret:qbench-postgres\/mocked\/host-/,
    );
    expect(fileOf(production, '/etc/qbench/postgresql/postgresql.conf')).toContain(
      `listen_addresses = 'localhost,${address}'`,
    );
    expect(fileOf(production, '/etc/pgbackrest/pgbackrest.conf')).toContain(
      'repo1-s3-bucket=qbench-postgres-mocked-backups-111122223333',
    );
  });

  it('lets clients in by name: the ranges that were given, and the members of a named group', () => {
    const hba = (program: Ec2Program): string => fileOf(program, '/etc/qbench/postgresql/pg_hba.conf');
    expect(hba(production)).toContain('10.0.4.0/24');
    expect(hba(ephemeral)).not.toMatch(/\s10\.\d/);
    expect(hba(adopted)).toContain('10.64.0.0/20');
  });
});

describe('the network', () => {
  it('opens the port of the database to named sources, and no port to the world', () => {
    const ingress = (program: Ec2Program): Record<string, unknown>[] =>
      program.ofType('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule').map(({ inputs }) => inputs);
    expect(ingress(ephemeral)).toEqual([]);
    expect(ingress(production)).toMatchObject([
      { cidrIpv4: '10.0.4.0/24', fromPort: 5432, toPort: 5432, ipProtocol: 'tcp' },
    ]);
    expect(ingress(adopted)).toMatchObject([
      { referencedSecurityGroupId: 'sg-0123456789abcdef0', fromPort: 5432, toPort: 5432 },
    ]);
    for (const program of everyone()) {
      for (const group of program.ofType('aws:ec2/securityGroup:SecurityGroup')) {
        expect(group.inputs).not.toHaveProperty('ingress');
        expect(group.inputs).not.toHaveProperty('egress');
      }
    }
  });

  it('gives no machine a public address by itself, and leaves the default security group empty', () => {
    for (const program of [production, ephemeral]) {
      for (const subnet of program.ofType('aws:ec2/subnet:Subnet'))
        expect(subnet.inputs['mapPublicIpOnLaunch']).toBe(false);
      expect(program.named('network-default').inputs).toMatchObject({ ingress: [], egress: [] });
    }
    const zones = production.ofType('aws:ec2/subnet:Subnet').map(({ inputs }) => inputs['availabilityZone']);
    expect(new Set(zones).size).toBe(2);
  });

  it('that was there before is used as it is', () => {
    expect(
      adopted.declared.filter(({ type }) => /ec2\/(vpc|subnet|route|natGateway|internetGateway)/.test(type)),
    ).toEqual([]);
    expect(adopted.named('data-volume').inputs['availabilityZone']).toBe('eu-central-1a');
    expect(adopted.named('host-interface').inputs['subnetId']).toBe('subnet-0123456789abcdef0');
  });
});

describe('the backups', () => {
  it('lie in a bucket that is private, versioned, encrypted by our key and reached by TLS only', () => {
    for (const { named } of everyone()) {
      expect(named('backups-private').inputs).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
      expect(named('backups-ownership').inputs['rule']).toEqual({ objectOwnership: 'BucketOwnerEnforced' });
      expect(named('backups-versioning').inputs['versioningConfiguration']).toEqual({ status: 'Enabled' });
      const [rule] = named('backups-encryption').inputs['rules'] as [{ applyServerSideEncryptionByDefault: object }];
      expect(rule.applyServerSideEncryptionByDefault).toEqual({
        sseAlgorithm: 'aws:kms',
        kmsMasterKeyId: named('data-volume').inputs['kmsKeyId'],
      });
      const policy = JSON.parse(String(named('backups-policy').inputs['policy'])) as PolicyDocument;
      expect(policy.Statement.map(({ Sid, Effect }) => `${Effect} ${Sid}`)).toEqual([
        'Deny TlsOnly',
        'Deny RecentTlsOnly',
        'Deny NoOtherKey',
      ]);
      const rules = named('backups-lifecycle').inputs['rules'] as { abortIncompleteMultipartUpload?: object }[];
      expect(rules.some((row) => row.abortIncompleteMultipartUpload !== undefined)).toBe(true);
    }
  });

  it('are locked for their retention in production, and vanish with an ephemeral stack', () => {
    expect(production.named('backups-bucket').inputs).toMatchObject({ objectLockEnabled: true, forceDestroy: false });
    expect(production.named('backups-lock').inputs['rule']).toEqual({
      defaultRetention: { mode: 'GOVERNANCE', days: 7 },
    });
    expect(ephemeral.named('backups-bucket').inputs).toMatchObject({ objectLockEnabled: false, forceDestroy: true });
    expect(ephemeral.declared.map(({ name }) => name)).not.toContain('backups-lock');
  });
});

describe('keys and secrets', () => {
  it('have a key that rotates and can be had back, unless one was given', () => {
    expect(production.named('key-key').inputs).toMatchObject({ enableKeyRotation: true, deletionWindowInDays: 30 });
    expect(ephemeral.named('key-key').inputs).toMatchObject({ enableKeyRotation: true, deletionWindowInDays: 14 });
    expect(adopted.ofType('aws:kms/key:Key')).toEqual([]);
  });

  it('can be had back too, unless the stack is ephemeral', () => {
    const windows = (program: Ec2Program): unknown[] =>
      program.ofType('aws:secretsmanager/secret:Secret').map(({ inputs }) => inputs['recoveryWindowInDays']);
    expect(windows(production)).toEqual([30, 30, 30]);
    expect(windows(ephemeral)).toEqual([0, 0, 0]);
  });

  it('give the host the rights that the simulator has tried, for its own bucket, key, secret and parameter', () => {
    const { Statement } = JSON.parse(String(production.named('role-rights').inputs['policy'])) as PolicyDocument;
    const resources = Object.fromEntries(Statement.map(({ Sid, Resource }) => [Sid, Resource]));
    expect(resources).toMatchObject({
      ListBackups: 'arn:aws:s3:::qbench-postgres-mocked-backups-111122223333',
      WriteAndExpireBackups: 'arn:aws:s3:::qbench-postgres-mocked-backups-111122223333/*',
      UseTheKeyThroughItsServices: production.named('data-volume').inputs['kmsKeyId'],
      PublishTheCertificateAuthority: 'arn:aws:ssm:eu-central-1:111122223333:parameter/qbench-postgres/mocked/tls-ca',
    });
    expect(production.ofType('aws:iam/rolePolicyAttachment:RolePolicyAttachment')).toEqual([]);
  });
});

async function isSecretOutput(value: unknown): Promise<boolean> {
  return typeof value === 'object' && value !== null && 'apply' in value ? isSecret(value as never) : false;
}
