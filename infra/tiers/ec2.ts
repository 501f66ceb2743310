import { getAmiOutput } from '@pulumi/aws/ec2/getAmi';
import { getAvailabilityZones } from '@pulumi/aws/getAvailabilityZones';
import { getCallerIdentity } from '@pulumi/aws/getCallerIdentity';
import { Provider } from '@pulumi/aws/provider';
import { all, interpolate } from '@pulumi/pulumi';
import { BackupRepository } from '../components/backupRepository';
import { CloudScope } from '../components/cloudScope';
import { DataVolume } from '../components/dataVolume';
import { EncryptionKey } from '../components/encryptionKey';
import { Host } from '../components/host';
import { HostConfiguration } from '../components/hostConfiguration';
import { HostRole } from '../components/hostRole';
import { HostSecrets } from '../components/hostSecrets';
import { HostSecurity } from '../components/hostSecurity';
import { Network, type NetworkArgs } from '../components/network';
import { DATABASE_NAME, TAGS } from '../naming';
import type { BackupRepositoryInput } from '../postgres/pgbackrest';
import { hostFiles, serverConfiguration } from '../postgres/hostFiles';
import type { Ec2Settings } from '../settings';
import { deployHostDatabase } from './ec2Database';
import { ec2Machine } from './ec2Host';
import { watchHost } from './ec2Watch';
import type { TierOutputs } from './outputs';
import { capacityOutput, inWords } from './plan';

/** Debian's account: https://wiki.debian.org/Cloud/AmazonEC2Image. Anybody can give an image Debian's name. */
const DEBIAN_ACCOUNT = '136693071363';

/** A self-managed host on AWS with its network, disks, backups and secrets. */
export async function deployEc2(settings: Ec2Settings, stack: string): Promise<TierOutputs> {
  const { aws, ec2, network: wanted, backup } = settings;
  // Before any call to AWS: a workload that does not fit is told at once.
  const { type, volume, plan } = ec2Machine(settings);
  const configuration = {
    version: settings.postgresVersion,
    plan: plan.server,
    host: plan.hostParameters,
    cores: type.vCpus,
    port: ec2.port,
    overrides: settings.postgresParameters,
    retentionDays: backup.retentionDays,
    passwordGeneration: settings.database.passwordGeneration,
    directAdministration: settings.access === 'direct',
  };
  // So is an override that cannot be; the addresses that are not known yet do not matter to it.
  inWords(() =>
    hostFiles({
      ...configuration,
      address: '127.0.0.1',
      cidrs: wanted.allowedCidrs,
      repository: { kind: 'folder', path: '/' },
    }),
  );
  const provider = new Provider('aws', {
    region: aws.region,
    ...(aws.accountId === undefined ? {} : { allowedAccountIds: [aws.accountId] }),
    // The host writes its status there, and the sweepers of the account write theirs: no drift of ours.
    ignoreTags: { keys: [TAGS.status] },
  });
  const options = { provider };
  const { accountId } = await getCallerIdentity({}, options);
  const scope = new CloudScope({ ...settings, stack, region: aws.region, accountId });
  const image = ec2.amiId ?? debianImage(type.architecture, provider);

  const key = new EncryptionKey(
    'key',
    { scope, ...(aws.kmsKeyArn === undefined ? {} : { keyArn: aws.kmsKeyArn }) },
    options,
  );
  const network = new Network('network', { scope, place: await placeOf(settings, provider) }, options);
  const [subnetId = ''] = network.subnetIds;
  const security = new HostSecurity(
    'security',
    {
      scope,
      vpcId: network.vpcId,
      port: ec2.port,
      cidrs: wanted.allowedCidrs,
      securityGroupIds: wanted.allowedSecurityGroupIds,
    },
    options,
  );
  const repository = new BackupRepository(
    'backups',
    { scope, keyArn: key.arn, retentionDays: backup.retentionDays },
    options,
  );
  const secrets = new HostSecrets(
    'secrets',
    { scope, keyArn: key.arn, passwordGeneration: settings.database.passwordGeneration },
    options,
  );
  const data = new DataVolume(
    'data',
    { scope, keyArn: key.arn, availabilityZone: network.zone, ...volume, snapshots: backup.retentionDays },
    options,
  );
  const role = new HostRole(
    'role',
    { scope, bucketArn: repository.bucketArn, keyArn: key.arn, hostSecretArn: secrets.hostSecretArn },
    options,
  );
  // Members of a security group are let in by the group; the server wants to know their addresses too.
  const cidrs = network.cidr.apply((cidr) => [
    ...new Set([...wanted.allowedCidrs, ...(wanted.allowedSecurityGroupIds.length > 0 ? [cidr] : [])]),
  ]);
  const repositoryInput = repository.bucketName.apply((bucket): BackupRepositoryInput => ({
    kind: 's3',
    bucket,
    region: aws.region,
    path: `/${stack}`,
  }));
  const host = new Host(
    'host',
    {
      scope,
      image: { id: image, pinned: ec2.amiId !== undefined },
      instanceType: type.name,
      rootVolumeGiB: ec2.rootVolumeGiB,
      keyArn: key.arn,
      profileName: role.profileName,
      subnetId,
      securityGroupId: security.securityGroupId,
      volumeId: data.volumeId,
      publicAddress: wanted.vpcId === undefined && wanted.egress === 'public',
      userData: {
        ...configuration,
        stack,
        region: aws.region,
        packageSource: ec2.packageSource,
        ...(ec2.pgvectorVersion === undefined ? {} : { pgvectorVersion: ec2.pgvectorVersion }),
        statusTag: TAGS.status,
      },
      secretId: secrets.hostSecretArn,
      caParameter: role.caParameterName,
      cidrs,
      repository: repositoryInput,
    },
    options,
  );
  const applied = new HostConfiguration(
    'configuration',
    {
      scope,
      instanceId: host.instanceId,
      files: all([host.address, cidrs, repositoryInput]).apply(([address, ranges, to]) =>
        hostFiles({ ...configuration, address, cidrs: ranges, repository: to }),
      ),
    },
    { ...options, dependsOn: [data, host, secrets] },
  );
  const databaseUrl = await deployHostDatabase(
    {
      settings,
      stack,
      plan,
      scope,
      keyArn: key.arn,
      address: host.address,
      adminPassword: secrets.adminPassword,
      volume: data.volume,
      ready: [applied],
    },
    provider,
  );
  const watch = await watchHost(
    {
      settings,
      scope,
      plan,
      parameters: serverConfiguration({ ...configuration, address: '127.0.0.1' }).parameters,
      keyArn: key.arn,
      instanceId: host.instanceId,
    },
    options,
  );
  return {
    tier: 'ec2',
    endpoint: host.address,
    port: ec2.port,
    database: DATABASE_NAME,
    databaseUrl,
    connectCommand: `npm run qbench -- psql --stack ${stack}`,
    capacity: capacityOutput(plan),
    backupRepository: interpolate`s3://${repository.bucketName}/${stack}`,
    dashboardUrl: watch.dashboardUrl,
  };
}

function debianImage(architecture: string, provider: Provider): Host['instanceId'] {
  const filters = [
    { name: 'name', values: [`debian-13-${architecture === 'arm64' ? 'arm64' : 'amd64'}-*`] },
    { name: 'architecture', values: [architecture] },
    { name: 'virtualization-type', values: ['hvm'] },
  ];
  return getAmiOutput({ owners: [DEBIAN_ACCOUNT], mostRecent: true, filters }, { provider }).id;
}

async function placeOf({ aws, network }: Ec2Settings, provider: Provider): Promise<NetworkArgs['place']> {
  if (network.vpcId !== undefined) {
    return { kind: 'adopt', vpcId: network.vpcId, subnetIds: network.subnetIds ?? [] };
  }
  const given = aws.availabilityZones;
  const names =
    given ??
    (
      await getAvailabilityZones(
        { state: 'available', filters: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }] },
        { provider },
      )
    ).names;
  const [first = '', second = ''] = names;
  return {
    kind: 'create',
    cidr: network.vpcCidr,
    zones: [first, second],
    zonesPinned: given !== undefined,
    egress: network.egress,
  };
}
