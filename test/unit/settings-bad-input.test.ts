/** Every configuration mistake of the project's list of bad input, one row each. */
import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError, type SettingsContext } from '../../infra/settings';

const EC2 = { tier: 'ec2', owner: 'search', aws: { region: 'eu-central-1' } };
const AURORA = { ...EC2, tier: 'aurora' };
const KEY = 'key/01234567-89ab-cdef-0123-456789abcdef';

type Raw = Record<string, unknown>;

interface Row {
  what: string;
  raw: Raw;
  /** The keys that are named: all of them and no other. */
  keys: string | string[];
  /** Fragment of the block: the value given, what is allowed, or the suggestion. */
  says: string;
  context?: Partial<SettingsContext>;
}

const row = (
  what: string,
  raw: Raw,
  keys: string | string[],
  says: string,
  context?: Partial<SettingsContext>,
): Row => ({
  what,
  raw,
  keys,
  says,
  ...(context === undefined ? {} : { context }),
});
const ec2 = (members: Raw): Raw => ({ ...EC2, ec2: members });
const network = (members: Raw): Raw => ({ ...EC2, network: members });
const cidr = (text: string): Raw => network({ allowedCidrs: [text] });
const many = (count: number): Raw =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${String(i)}`, 'x']));

// One mistake a line.
// prettier-ignore
const TABLE: Row[] = [
  row('tier: unknown', { tier: 'gcp' }, 'tier', '"gcp" is not allowed'),
  row('tier: upper case', { tier: 'LOCAL' }, 'tier', 'did you mean "local"?'),
  row('tier: empty', { tier: '' }, 'tier', 'allowed: local, ec2, aurora'),
  row('tier: trailing space', { tier: 'ec2 ' }, 'tier', 'did you mean "ec2"?'),
  row('tier: not a text', { tier: 2 }, 'tier', '2 is not allowed'),

  row('dimensions: 0', { workload: { dimensions: 0 } }, 'workload.dimensions', 'an integer from 1 to 16000'),
  row('dimensions: -1', { workload: { dimensions: -1 } }, 'workload.dimensions', '-1 is not allowed'),
  row('dimensions: a fraction', { workload: { dimensions: 1536.5 } }, 'workload.dimensions', '1536.5 is not allowed'),
  row('dimensions: a text', { workload: { dimensions: '1536' } }, 'workload.dimensions', 'write 1536, a number without quotes'),
  row('dimensions: more than HNSW takes', { workload: { dimensions: 2001 } }, 'workload.dimensions', 'at most 2000'),
  row('dimensions: what would take them', { workload: { dimensions: 2001 } }, 'workload.dimensions', 'halfvec take up to 4000'),
  row('dimensions: more than a vector has', { workload: { dimensions: 16_001 } }, 'workload.dimensions', 'VECTOR_MAX_DIM'),
  row('dimensions: more than halfvec takes', { workload: { dimensions: 4001 }, index: { profile: 'compact' } }, 'workload.dimensions', 'at most 4000'),

  row('m: 1', { index: { m: 1 } }, 'index.m', "an integer from 2 to 100; pgvector's limit (hnsw m)"),
  row('m: 101', { index: { m: 101 } }, 'index.m', '101 is not allowed'),
  row('efConstruction: 3', { index: { efConstruction: 3 } }, 'index.efConstruction', 'an integer from 4 to 1000'),
  row('efConstruction: 1001', { index: { efConstruction: 1001 } }, 'index.efConstruction', '1001 is not allowed'),
  row('efConstruction: less than 2 * m', { index: { m: 40, efConstruction: 79 } }, 'index.efConstruction', 'from 80 to 1000'),
  row("efConstruction: less than twice the profile's m", { index: { profile: 'accuracy', efConstruction: 63 } }, 'index.efConstruction', 'index.m, which is 32'),
  row('efSearch: 0', { index: { efSearch: 0 } }, 'index.efSearch', 'an integer from 1 to 1000'),
  row('efSearch: 1001', { index: { efSearch: 1001 } }, 'index.efSearch', '1001 is not allowed'),
  row('HNSW numbers with ivfflat', { index: { profile: 'ivfflat', m: 16 } }, 'index.m', 'lists and probes'),
  row('recallTolerance: 5', { index: { recallTolerance: 5 } }, 'index.recallTolerance', 'a number from 0 to 1'),
  row('buildWorkers: -1', { index: { buildWorkers: -1 } }, 'index.buildWorkers', 'an integer from 0 to 64'),
  row('lists with HNSW', { index: { lists: 100 } }, 'index.lists', 'm, efConstruction and efSearch'),
  row('more probes than lists', { index: { profile: 'ivfflat', lists: 10, probes: 11 } }, 'index.probes', 'from 1 to 10'),
  row('bit without reranking', { index: { type: 'bit' } }, 'index.type', 'index.profile: compact'),
  row('vector in the compact profile', { index: { profile: 'compact', type: 'vector' } }, 'index.type', 'halfvec, bit'),

  row('documents: 0', { workload: { documents: 0 } }, 'workload.documents', 'an integer from 1'),
  row('documents: -1', { workload: { documents: -1 } }, 'workload.documents', '-1 is not allowed'),
  row('documents: 1e12', { workload: { documents: 1e12 } }, 'workload.documents', '1000000000000 is not allowed'),
  row('documents: 500k', { workload: { documents: '500k' } }, 'workload.documents', 'write 500000, a number without quotes'),
  row('a share given as percentage', { workload: { shareWithSteps: 67 } }, 'workload.shareWithSteps', 'a share, not a percentage'),
  row('a key without a value', { workload: { documents: null } }, 'workload.documents', 'leave the key out'),
  row('a group that is none', { workload: 5 }, 'workload', 'an object of documents'),

  row('instance: less than 16 GB', ec2({ instanceType: 'm7g.large' }), 'ec2.instanceType', 'has 8 GiB of memory'),
  row('instance: unknown', ec2({ instanceType: 'r8g.xlagre' }), 'ec2.instanceType', 'did you mean r8g.xlarge?'),
  row('instance: no type at all', ec2({ instanceType: 'big' }), 'ec2.instanceType', 'an EC2 instance type such as'),
  row('class: unknown', { ...AURORA, aurora: { instanceClass: 'db.t3.micro' } }, 'aurora.instanceClass', '16 GiB of memory or more'),
  row('ARM host with an x86 image', ec2({ instanceType: 'r8g.xlarge', amiId: 'ami-0123456789abcdef0', amiArchitecture: 'x86_64' }), 'ec2.amiArchitecture', 'which is arm64'),
  row('x86 host with an ARM image', ec2({ instanceType: 'r7i.xlarge', amiId: 'ami-0123456789abcdef0', amiArchitecture: 'arm64' }), 'ec2.amiArchitecture', 'which is x86_64'),
  row('architecture of no image', ec2({ amiArchitecture: 'arm64' }), 'ec2.amiArchitecture', 'means nothing without ec2.amiId'),
  row('gp3: more than 500 IOPS a GiB', ec2({ volumeGiB: 10, iops: 5001 }), 'ec2.iops', 'at most 5000'),
  row('gp3: more throughput than a quarter of the IOPS', ec2({ iops: 3000, throughputMiBps: 751 }), 'ec2.throughputMiBps', 'at most 750'),
  row('gp3: fewer IOPS than the baseline', ec2({ iops: 100 }), 'ec2.iops', 'an integer from 3000'),
  row('volume: negative', ec2({ volumeGiB: -1 }), 'ec2.volumeGiB', 'the limit of a gp3 volume'),

  row('PostgreSQL 13', { postgresVersion: 13 }, 'postgresVersion', 'an integer from 17 to 18'),
  row('PostgreSQL "17.x"', { postgresVersion: '17.x' }, 'postgresVersion', '"17.x" is not allowed'),
  row('PostgreSQL 99', { postgresVersion: 99 }, 'postgresVersion', 'the major version alone'),
  row('PostgreSQL 17 from the wheel', { postgresVersion: 17 }, 'postgresVersion', 'local.postgresSource: installed'),
  row('pgvector older than the fix of corruption', ec2({ pgvectorVersion: '0.8.3' }), 'ec2.pgvectorVersion', 'is older than 0.8.4'),
  row('pgvector of two numbers', ec2({ pgvectorVersion: '0.8' }), 'ec2.pgvectorVersion', 'is no version such as'),

  row('CIDR: everybody', cidr('0.0.0.0/0'), 'network.allowedCidrs[0]', 'is the whole Internet'),
  row('CIDR: everybody on IPv6', cidr('::/0'), 'network.allowedCidrs[0]', 'is the whole Internet'),
  row('CIDR: half of everybody', cidr('0.0.0.0/1'), 'network.allowedCidrs[0]', 'is wider than /17'),
  row('CIDR: /33', cidr('10.0.0.0/33'), 'network.allowedCidrs[0]', 'has more than 32 fixed bits'),
  row('CIDR: host bits', cidr('10.0.0.1/24'), 'network.allowedCidrs[0]', 'has host bits set'),
  row('CIDR: host bits on IPv6', cidr('fd00::1/64'), 'network.allowedCidrs[0]', 'has host bits set'),
  row('CIDR: empty', cidr(''), 'network.allowedCidrs[0]', 'is empty'),
  row('CIDR: an address', cidr('10.0.0.1'), 'network.allowedCidrs[0]', 'is not a range'),
  row('CIDR: no address', cidr('10.0.0.256/32'), 'network.allowedCidrs[0]', 'does not begin with'),
  row('CIDR: twice', network({ allowedCidrs: ['10.0.4.0/24', '10.0.4.0/24'] }), 'network.allowedCidrs', 'has "10.0.4.0/24" twice'),
  row('VPC: public range', network({ vpcCidr: '8.8.0.0/20' }), 'network.vpcCidr', 'RFC 1918'),
  row('VPC: too small', network({ vpcCidr: '10.0.0.0/28' }), 'network.vpcCidr', 'between /16 and /24'),
  row('VPC without subnets', network({ vpcId: 'vpc-0123456789abcdef0' }), 'network.subnetIds', '1 or more private subnets'),
  row('subnets without VPC', network({ subnetIds: ['subnet-0123456789abcdef0'] }), 'network.vpcId', 'the VPC of these subnets'),
  row('one subnet for Aurora', { ...AURORA, network: { vpcId: 'vpc-01234567', subnetIds: ['subnet-01234567'] } }, 'network.subnetIds', '2 or more'),
  row('direct access for nobody', { ...EC2, access: 'direct' }, 'access', 'nobody may connect'),
  row('public address in production', { ...EC2, environment: 'production', network: { egress: 'public' } }, 'network.egress', 'nat in production'),

  row('region: missing', { tier: 'ec2', owner: 'search' }, 'aws.region', 'an AWS region such as'),
  row('region: malformed', { ...EC2, aws: { region: 'eu-central1' } }, 'aws.region', 'is no AWS region'),
  row('zone of another region', { ...EC2, aws: { region: 'eu-central-1', availabilityZones: ['eu-central-1a', 'us-east-1b'] } }, 'aws.availabilityZones[1]', 'is not in aws.region "eu-central-1"'),
  row('one zone', { ...EC2, aws: { region: 'eu-central-1', availabilityZones: ['eu-central-1a'] } }, 'aws.availabilityZones', 'two zones or more'),
  row('KMS key of another region', { ...EC2, aws: { region: 'eu-central-1', kmsKeyArn: `arn:aws:kms:us-east-1:123456789012:${KEY}` } }, 'aws.kmsKeyArn', 'is in region "us-east-1"'),
  row('KMS key of another account', { ...EC2, aws: { region: 'eu-central-1', accountId: '210987654321', kmsKeyArn: `arn:aws:kms:eu-central-1:123456789012:${KEY}` } }, 'aws.kmsKeyArn', 'aws.accountId, 210987654321'),
  row('KMS key: an alias', { ...EC2, aws: { region: 'eu-central-1', kmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:alias/x' } }, 'aws.kmsKeyArn', 'is no ARN of kms'),
  row('account as a number', { ...EC2, aws: { region: 'eu-central-1', accountId: 123456789012 } }, 'aws.accountId', 'twelve digits, in quotes'),
  row('no owner on AWS', { ...EC2, owner: '' }, 'owner', 'it becomes a tag'),

  row('retention: 0', { backup: { retentionDays: 0 } }, 'backup.retentionDays', 'an integer from 1 to 365'),
  row('retention: -1', { backup: { retentionDays: -1 } }, 'backup.retentionDays', '-1 is not allowed'),
  row('retention: 36 on Aurora', { ...AURORA, backup: { retentionDays: 36 } }, 'backup.retentionDays', "from 1 to 35; Aurora's limit"),
  row('cron: a crontab line', { backup: { schedule: '0 2 * * *' } }, 'backup.schedule', 'did you mean "cron(0 2 * * ? *)"?'),
  row('cron: a crontab line with a day', { backup: { schedule: '30 4 * * 1' } }, 'backup.schedule', 'did you mean "cron(30 4 ? * MON *)"?'),
  row('cron: five fields', { backup: { schedule: 'cron(0 2 * * ?)' } }, 'backup.schedule', 'has 5 fields, not six'),
  row('cron: both day fields', { backup: { schedule: 'cron(0 2 1 * MON *)' } }, 'backup.schedule', 'exactly one of them must be ?'),
  row('cron: no day field', { backup: { schedule: 'cron(0 2 ? * ? *)' } }, 'backup.schedule', 'exactly one of them must be ?'),
  row('cron: every second', { backup: { schedule: 'cron(* * * * * ? *)' } }, 'backup.schedule', 'the finest step is a minute'),
  row('cron: hour 24', { backup: { schedule: 'cron(0 24 * * ? *)' } }, 'backup.schedule', 'wrong hours field, which takes 0 to 23'),
  row('cron: a backup every minute', { backup: { schedule: 'cron(* 2 * * ? *)' } }, 'backup.schedule', 'more than one backup an hour'),
  row('rate: every second', { monitoring: { schedule: 'rate(1 second)' } }, 'monitoring.schedule', 'finer than a minute'),
  row('rate: never', { monitoring: { schedule: 'rate(0 minutes)' } }, 'monitoring.schedule', 'never runs'),
  row('full and differential at once', { backup: { schedule: 'cron(0 2 * * ? *)' } }, 'backup.fullSchedule', 'two backups cannot run at once'),
  row('time zone: unknown', { backup: { timeZone: 'Europe/Berln' } }, 'backup.timeZone', 'did you mean "Europe/Berlin"?'),
  row('time zone: lower case', { backup: { timeZone: 'utc' } }, 'backup.timeZone', 'did you mean "UTC"?'),
  row('time zone: an offset', { backup: { timeZone: '+02:00' } }, 'backup.timeZone', 'is no IANA time zone'),
  row('backup inside the maintenance window', { ...EC2, backup: { fullSchedule: 'cron(30 4 ? * SUN *)' } }, 'backup.fullSchedule', 'inside maintenanceWindow "sun:04:00-sun:05:00"'),
  row('backup inside it only in summer', { ...EC2, backup: { fullSchedule: 'cron(30 6 ? * SUN *)', timeZone: 'Europe/Berlin' } }, 'backup.fullSchedule', '(Europe/Berlin)'),
  row('Aurora: backup window overlapping maintenance', { ...AURORA, aurora: { backupWindow: '04:30-05:30' } }, 'aurora.backupWindow', 'overlaps maintenanceWindow'),
  row('Aurora: windows overlapping past midnight', { ...AURORA, maintenanceWindow: 'sat:23:30-sun:00:30', aurora: { backupWindow: '00:00-01:00' } }, 'aurora.backupWindow', 'windows apart from each other'),
  row('window: shorter than half an hour', { maintenanceWindow: 'sun:04:00-sun:04:15' }, 'maintenanceWindow', 'shorter than 30 minutes'),
  row('window: not a window', { maintenanceWindow: 'Sunday night' }, 'maintenanceWindow', 'is no window such as sun:04:00-sun:05:00'),
  row('engine of another tier', { ...EC2, backup: { engine: 'native' } }, 'backup.engine', 'does not run on tier ec2'),
  row('folder as repository on AWS', { ...EC2, backup: { repositoryDir: '/srv/backup' } }, 'backup.repositoryDir', 'the repository is on S3'),

  row('mail address: malformed', { monitoring: { alertEmail: 'ops@localhost' } }, 'monitoring.alertEmail', 'is no mail address'),
  row('mail address: two', { monitoring: { alertEmail: 'a@example.org, b@example.org' } }, 'monitoring.alertEmail', 'is no mail address'),
  row('SNS: no ARN', { monitoring: { snsTopicArn: 'my-topic' } }, 'monitoring.snsTopicArn', 'is no ARN'),
  row('SNS: ARN of a queue', { monitoring: { snsTopicArn: 'arn:aws:sqs:eu-central-1:123456789012:q' } }, 'monitoring.snsTopicArn', 'is no ARN of sns'),
  row('SNS: of another region', { ...EC2, monitoring: { snsTopicArn: 'arn:aws:sns:us-east-1:123456789012:t' } }, 'monitoring.snsTopicArn', 'is in region "us-east-1"'),
  row('API: a URL with a password', { monitoring: { apiUrl: 'http://u:hunter2@api:8000' } }, 'monitoring.apiUrl', '"http://u:***@api:8000" carries a user'),
  row('API: no URL', { monitoring: { apiUrl: 'api:8000' } }, 'monitoring.apiUrl', 'is no http or https URL'),
  row('budget: 0', { monitoring: { budgetUsdPerMonth: 0 } }, 'monitoring.budgetUsdPerMonth', 'leave it out for no budget'),
  row('log retention CloudWatch does not know', { monitoring: { logRetentionDays: 10 } }, 'monitoring.logRetentionDays', 'one of 1, 3, 5, 7, 14, 30'),
  row('threshold: unknown', { monitoring: { thresholds: { conections: { warning: 1 } } } }, 'monitoring.thresholds.conections', 'did you mean connections?', { thresholdNames: ['connections', 'disk'] }),

  row('name of the database: a reserved word', { database: { name: 'select' } }, 'database.name', 'part of the contract with the application'),
  row('name of a role: pg_', { database: { owner: 'pg_owner' } }, 'database.owner', 'cannot be set'),
  row('limit above the connections', { workload: { connections: 20 }, database: { connectionLimits: { app: 21 } } }, 'database.connectionLimits.app', 'from 1 to 20'),
  row('a role that does not exist', { database: { connectionLimits: { rdsadmin: 1 } } }, 'database.connectionLimits.rdsadmin', 'owner, app, readonly, monitor, backup'),

  row('secret as a plain value', { password: 'hunter2' }, 'password', 'the program makes them and keeps them encrypted'),
  row('password in a group', { database: { appPassword: "a'%@\nb" } }, 'database.appPassword', 'passwords are not settings'),
  row('secret where none belongs', { monitoring: { alertEmail: 'hunter2' } }, 'monitoring', 'is encrypted, but no setting is a secret', { secretKeys: ['monitoring'] }),

  row('stack name: too long', EC2, 'stack', 'has 24 characters', { stack: 'a23456789012345678901234' }),
  row('stack name: a dot', EC2, 'stack', 'a bucket name cannot have', { stack: 'pr.1' }),
  row('stack name: an underscore', AURORA, 'stack', '1 to 23 lower-case letters', { stack: 'pr_1' }),

  row('tags: too many', { tags: many(44) }, 'tags', 'at most 43'),
  row('tags: aws:', { tags: { 'aws:cost': 'x' } }, 'tags["aws:cost"]', 'which AWS keeps for itself'),
  row('tags: empty name', { tags: { '': 'x' } }, 'tags[""]', '"" is empty'),
  row('tags: control character', { tags: { team: 'a\u0007b' } }, 'tags.team', 'holds a control character'),
  row("tags: the program's own", { tags: { stack: 'x' } }, 'tags.stack', 'is a tag that the program sets itself'),
  row('tags: a long value', { tags: { team: 'x'.repeat(257) } }, 'tags.team', 'is longer than 256 characters'),

  row('shared_buffers of all memory', { postgresParameters: { shared_buffers: '2GB' } }, 'postgresParameters.shared_buffers', 'all the 2048 MiB of the host'),
  row('shared_buffers of an instance', { ...ec2({ instanceType: 'm7g.xlarge' }), postgresParameters: { shared_buffers: '16GB' } }, 'postgresParameters.shared_buffers', '16384 MiB of the host'),
  row('shared_buffers in blocks', { postgresParameters: { shared_buffers: 262_144 } }, 'postgresParameters.shared_buffers', 'is all the 2048 MiB'),
  row('maintenance_work_mem for each worker', { postgresParameters: { maintenance_work_mem: '1GB' } }, 'postgresParameters.maintenance_work_mem', 'at most 682MB'),
  row('unit: 8gb', { postgresParameters: { work_mem: '8gb' } }, 'postgresParameters.work_mem', 'did you mean "8GB"?'),
  row('unit: 8 G B', { postgresParameters: { work_mem: '8 G B' } }, 'postgresParameters.work_mem', 'is no size such as 512MB'),
  row('parameter: fsync', { postgresParameters: { fsync: 'off' } }, 'postgresParameters.fsync', 'loses acknowledged rows'),
  row('parameter: max_connections', { postgresParameters: { max_connections: 500 } }, 'postgresParameters.max_connections', 'set workload.connections'),
  row('parameter: a second line', { postgresParameters: { search_path: "x'\nfsync = off" } }, 'postgresParameters.search_path', 'one line of text'),
  row('parameter: a strange name', { postgresParameters: { 'work_mem = 1\nfsync': 'off' } }, 'postgresParameters["work_mem = 1\\nfsync"]', 'is no name of a parameter'),

  row('port: 22', { local: { port: 22 } }, 'local.port', '0 (a free port), or an integer from 1024 to 65535'),
  row('port: 65536', { local: { port: 65_536 } }, 'local.port', '65536 is not allowed'),
  row('port: 0 on a host', ec2({ port: 0 }), 'ec2.port', 'an integer from 1024 to 65535'),
  row('path: relative', { local: { dataDir: 'data' } }, 'local.dataDir', 'is relative'),
  row('path: ~', { local: { dataDir: '~/data' } }, 'local.dataDir', 'which nothing expands here'),
  row('path: ..', { local: { dataDir: '/srv/../etc' } }, 'local.dataDir', 'goes through ..'),
  row('path: a line end', { local: { dataDir: '/srv/a\nb' } }, 'local.dataDir', 'control character'),
  row('path: inside the checkout', { local: { dataDir: '/src/qbench/sql/data' } }, 'local.dataDir', 'or below its .qbench', { checkout: '/src/qbench' }),
  row('path: backups inside the data', { local: { dataDir: '/srv/pg' }, backup: { repositoryDir: '/srv/pg/backup' } }, 'backup.repositoryDir', 'two separate folders'),
  row('programs of a server that is not used', { local: { binDir: '/usr/lib/postgresql/18/bin' } }, 'local.binDir', 'local.postgresSource: installed'),
  row('user: root', { local: { osUser: 'root' } }, 'local.osUser', 'PostgreSQL refuses to run'),

  row('misspelt key', { teir: 'ec2' }, 'teir', 'did you mean tier?'),
  row('misspelt member', { workload: { dimension: 1536 } }, 'workload.dimension', 'did you mean workload.dimensions?'),
  row('member at the top', { documents: 5 }, 'documents', 'did you mean workload.documents?'),
  row('member of the wrong group', { index: { dimensions: 1536 } }, 'index.dimensions', 'did you mean workload.dimensions?'),
  row('a key like none', { zzz: 1 }, 'zzz', 'allowed: tier, environment'),
  row('misspelt namespace', {}, 'qbench-postgress:tier', 'did you mean qbench-postgres:tier?', {
    foreignKeys: ['qbench-postgress:tier', 'aws:region'],
  }),
  row('shortened namespace', {}, 'qbench:tier', 'did you mean qbench-postgres:tier?', { foreignKeys: ['qbench:tier'] }),

  row('ephemeral and protected', { ephemeral: true }, 'protectData', 'false with ephemeral: true'),
  row('ephemeral in production', { ephemeral: true, protectData: false, environment: 'production' }, ['ephemeral', 'protectData'], 'false in production'),
  row('unprotected in production', { protectData: false, environment: 'production' }, 'protectData', 'true in production'),
  row('ephemeral for ever', { ephemeral: true, protectData: false, ttlHours: 721 }, 'ttlHours', 'an integer from 1 to 720'),
  row('allowDestroy: not a name', { allowDestroy: ['all of it'] }, 'allowDestroy[0]', 'a logical name or a URN'),
];

describe('bad configuration', () => {
  it.each(TABLE)('$what', ({ raw, keys, says, context }) => {
    let error: unknown;
    try {
      parseSettings(raw, { stack: 'dev', project: 'qbench-postgres', ...context });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SettingsError);
    const { mistakes, message } = error as SettingsError;
    expect(mistakes.map(({ key }) => key).sort()).toEqual([keys].flat().sort());
    expect(message).toContain(says);
    expect(message).not.toContain('hunter2');
  });
});
