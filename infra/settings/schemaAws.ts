/** The groups of the AWS tiers. */
import { choice, flag, group, integer, list, text } from './fields';
import { GP3_BASE_IOPS, GP3_BASE_MIBPS, GP3_MAX_GIB } from '../capacity/prices';
import { PGVECTOR_MINIMUM } from '../naming';
import { arnOf, clientCidr, dailyWindow, matches, vpcCidr } from './values';

const REGION = text('an AWS region such as eu-central-1', matches(/^[a-z]{2}(-[a-z]+){1,2}-\d$/, 'is no AWS region'));
const SECURITY_GROUP = text(
  'the id of a security group: sg-...',
  matches(/^sg-([0-9a-f]{8}|[0-9a-f]{17})$/, 'is no id of a security group'),
);

/** The AWS account. */
export const awsGroup = group({
  region: REGION.exactOptional(),
  accountId: text('twelve digits, in quotes', matches(/^\d{12}$/, 'is no AWS account')).exactOptional(),
  availabilityZones: list(
    text('a zone such as eu-central-1a', matches(/^[a-z]{2}(-[a-z]+){1,2}-\d[a-z]$/, 'is no availability zone')),
    'zones of the region',
    6,
  ).exactOptional(),
  kmsKeyArn: text(
    'the ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID',
    arnOf('kms', /^key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/),
  ).exactOptional(),
});

/** Where the database is reachable from. */
export const networkGroup = group({
  vpcId: text(
    'the id of a VPC: vpc-...',
    matches(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'is no id of a VPC'),
  ).exactOptional(),
  subnetIds: list(
    text('the id of a subnet: subnet-...', matches(/^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/, 'is no id of a subnet')),
    'ids of subnets',
    6,
  ).exactOptional(),
  vpcCidr: text('a private IPv4 range between /16 and /24, such as 10.64.0.0/20', vpcCidr).default('10.64.0.0/20'),
  egress: choice(['nat', 'public']).default('nat'),
  allowedCidrs: list(
    text('a range without host bits, /17 or narrower (IPv6: /48), such as 10.0.4.0/24', clientCidr),
    'ranges such as 10.0.4.0/24',
    50,
  ).default([]),
  allowedSecurityGroupIds: list(SECURITY_GROUP, 'ids of security groups', 50).default([]),
});

function pgvectorVersion(version: string): string | undefined {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return 'is no version such as 0.8.6';
  return version.localeCompare(PGVECTOR_MINIMUM, 'en', { numeric: true }) < 0
    ? `is older than ${PGVECTOR_MINIMUM}, which fixed corruption of HNSW indexes under vacuum`
    : undefined;
}

/** The self-managed host. */
export const ec2Group = group({
  instanceType: text(
    'an EC2 instance type such as r8g.xlarge',
    matches(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, 'is no instance type'),
  ).exactOptional(),
  amiId: text(
    'the id of an image: ami-...',
    matches(/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/, 'is no id of an image'),
  ).exactOptional(),
  amiArchitecture: choice(['arm64', 'x86_64']).exactOptional(),
  volumeGiB: integer(8, GP3_MAX_GIB, 'the limit of a gp3 volume').exactOptional(),
  iops: integer(GP3_BASE_IOPS, 16_000, 'the limits of a gp3 volume').exactOptional(),
  throughputMiBps: integer(GP3_BASE_MIBPS, 1000, 'the limits of a gp3 volume').exactOptional(),
  rootVolumeGiB: integer(8, 1024).default(16),
  packageSource: choice(['pgdg', 'debian']).default('pgdg'),
  pgvectorVersion: text(`a version from ${PGVECTOR_MINIMUM} on`, pgvectorVersion).exactOptional(),
  port: integer(1024, 65_535, 'unprivileged ports').default(5432),
  gatewayPort: integer(1024, 65_535, 'unprivileged ports').exactOptional(),
  sampleData: flag().default(false),
});

/** The Aurora cluster. */
export const auroraGroup = group({
  instanceClass: text(
    'a class such as db.r8g.xlarge',
    matches(/^db\.[a-z0-9-]+\.[a-z0-9-]+$/, 'is no instance class'),
  ).exactOptional(),
  readers: integer(0, 15, "Aurora's limit").default(1),
  storage: choice(['standard', 'io-optimized']).default('standard'),
  backupWindow: text('a daily window in UTC, such as 01:00-02:00', dailyWindow).default('01:00-02:00'),
});
