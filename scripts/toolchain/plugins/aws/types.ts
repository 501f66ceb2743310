/**
 * The resource types of AWS that this program uses, as a table: inputs with their types, which of them must be given, which
 * replace the resource, and what the state gets beside them. `test/unit/awsPlugin.test.ts` compares it with the argument types of
 * `@pulumi/aws` itself. What replaces is read from the provider's documentation ("Forces new resource").
 */
import type { PropertyType } from '../spec';
import type { Plain, PlainProperties } from '../values';
import { ACCOUNT_ID, REGION, arn, hex } from './ids';
import { WATCH_TYPES } from './typesWatch';

export interface AwsType {
  /** Inputs by name; a trailing `!` on the type says that it must be given. */
  readonly inputs: Readonly<Record<string, PropertyType | `${PropertyType}!`>>;
  /** Inputs whose change replaces the resource. */
  readonly replaces: readonly string[];
  /** The input by whose value there can be only one in an account. */
  readonly unique?: string;
  /** A new id; ids that AWS derives from an input are made from it. */
  readonly id: (inputs: PlainProperties) => string;
  /** Outputs beside the inputs. */
  readonly outputs: Readonly<Record<string, (id: string, inputs: PlainProperties) => Plain>>;
}

const tags = 'map' as const;
const text = (value: Plain | undefined): string => (typeof value === 'string' ? value : '');
const ec2Id = (prefix: string) => (): string => `${prefix}-0${hex(16)}`;
const ec2Arn = (kind: string) => (id: string) => arn('ec2', `${kind}/${id}`);
const named = (key: string) => (inputs: PlainProperties) => text(inputs[key]);
/** Settings of a bucket have the bucket's name as id. */
const ofBucket = (inputs: AwsType['inputs'], replaces: readonly string[] = ['bucket']): AwsType => ({
  inputs: { bucket: 'string!', ...inputs },
  replaces,
  unique: 'bucket',
  id: named('bucket'),
  outputs: {},
});
const securityGroupRule: AwsType = {
  inputs: {
    securityGroupId: 'string!',
    ipProtocol: 'string!',
    fromPort: 'integer',
    toPort: 'integer',
    cidrIpv4: 'string',
    cidrIpv6: 'string',
    referencedSecurityGroupId: 'string',
    description: 'string',
    tags,
  },
  replaces: ['securityGroupId'],
  id: ec2Id('sgr'),
  outputs: { arn: ec2Arn('security-group-rule') },
};

export const AWS_TYPES: Readonly<Record<string, AwsType>> = {
  ...WATCH_TYPES,
  'aws:ec2/vpc:Vpc': {
    inputs: { cidrBlock: 'string', enableDnsSupport: 'boolean', enableDnsHostnames: 'boolean', tags },
    replaces: ['cidrBlock'],
    id: ec2Id('vpc'),
    outputs: { arn: ec2Arn('vpc') },
  },
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': {
    inputs: { vpcId: 'string', ingress: 'any', egress: 'any', tags },
    replaces: ['vpcId'],
    id: ec2Id('sg'),
    outputs: { arn: ec2Arn('security-group') },
  },
  'aws:ec2/internetGateway:InternetGateway': {
    inputs: { vpcId: 'string', tags },
    replaces: [],
    id: ec2Id('igw'),
    outputs: { arn: ec2Arn('internet-gateway') },
  },
  'aws:ec2/subnet:Subnet': {
    inputs: { vpcId: 'string!', cidrBlock: 'string', availabilityZone: 'string', mapPublicIpOnLaunch: 'boolean', tags },
    replaces: ['vpcId', 'cidrBlock', 'availabilityZone'],
    id: ec2Id('subnet'),
    outputs: { arn: ec2Arn('subnet') },
  },
  'aws:ec2/eip:Eip': {
    inputs: { domain: 'string', networkInterface: 'string', tags },
    replaces: ['domain'],
    id: ec2Id('eipalloc'),
    outputs: { allocationId: (id) => id, publicIp: () => '198.51.100.10' },
  },
  'aws:ec2/natGateway:NatGateway': {
    inputs: { allocationId: 'string', subnetId: 'string', tags },
    replaces: ['allocationId', 'subnetId'],
    id: ec2Id('nat'),
    outputs: {},
  },
  'aws:ec2/routeTable:RouteTable': {
    inputs: { vpcId: 'string!', tags },
    replaces: ['vpcId'],
    id: ec2Id('rtb'),
    outputs: { arn: ec2Arn('route-table') },
  },
  'aws:ec2/route:Route': {
    inputs: { routeTableId: 'string!', destinationCidrBlock: 'string', gatewayId: 'string', natGatewayId: 'string' },
    replaces: ['routeTableId', 'destinationCidrBlock'],
    id: () => `r-rtb-0${hex(16)}`,
    outputs: { state: () => 'active' },
  },
  'aws:ec2/routeTableAssociation:RouteTableAssociation': {
    inputs: { routeTableId: 'string!', subnetId: 'string' },
    replaces: ['subnetId'],
    id: ec2Id('rtbassoc'),
    outputs: {},
  },
  'aws:ec2/vpcEndpoint:VpcEndpoint': {
    inputs: { vpcId: 'string!', serviceName: 'string', vpcEndpointType: 'string', routeTableIds: 'list', tags },
    replaces: ['vpcId', 'serviceName', 'vpcEndpointType'],
    id: ec2Id('vpce'),
    outputs: { arn: ec2Arn('vpc-endpoint') },
  },
  'aws:ec2/securityGroup:SecurityGroup': {
    inputs: { name: 'string', description: 'string', vpcId: 'string', tags },
    replaces: ['name', 'description', 'vpcId'],
    unique: 'name',
    id: ec2Id('sg'),
    outputs: { arn: ec2Arn('security-group') },
  },
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': securityGroupRule,
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': securityGroupRule,
  'aws:ec2/networkInterface:NetworkInterface': {
    inputs: { subnetId: 'string!', securityGroups: 'list', description: 'string', tags },
    replaces: ['subnetId'],
    id: ec2Id('eni'),
    outputs: {
      arn: ec2Arn('network-interface'),
      privateIp: (id) => `10.64.0.${String(4 + (Number.parseInt(id.slice(-4), 16) % 250))}`,
    },
  },
  'aws:ec2/instance:Instance': {
    inputs: {
      ami: 'string',
      instanceType: 'string',
      iamInstanceProfile: 'string',
      primaryNetworkInterface: 'object',
      metadataOptions: 'object',
      rootBlockDevice: 'object',
      ebsOptimized: 'boolean',
      monitoring: 'boolean',
      instanceInitiatedShutdownBehavior: 'string',
      userDataBase64: 'string',
      tags,
    },
    // A changed type or user data stops and starts the instance; it stays the same one.
    replaces: ['ami', 'primaryNetworkInterface'],
    id: ec2Id('i'),
    outputs: { arn: ec2Arn('instance'), instanceState: () => 'running' },
  },
  'aws:ec2/volumeAttachment:VolumeAttachment': {
    inputs: {
      instanceId: 'string!',
      volumeId: 'string!',
      deviceName: 'string!',
      stopInstanceBeforeDetaching: 'boolean',
    },
    replaces: ['instanceId', 'volumeId', 'deviceName'],
    id: () => `vai-${hex(10)}`,
    outputs: {},
  },
  'aws:ebs/volume:Volume': {
    inputs: {
      availabilityZone: 'string!',
      type: 'string',
      size: 'integer',
      iops: 'integer',
      throughput: 'integer',
      encrypted: 'boolean',
      kmsKeyId: 'string',
      tags,
    },
    replaces: ['availabilityZone', 'encrypted', 'kmsKeyId'],
    id: ec2Id('vol'),
    outputs: { arn: ec2Arn('volume') },
  },
  'aws:dlm/lifecyclePolicy:LifecyclePolicy': {
    inputs: { description: 'string!', executionRoleArn: 'string!', policyDetails: 'object!', state: 'string', tags },
    replaces: [],
    id: () => `policy-0${hex(16)}`,
    outputs: { arn: (id) => arn('dlm', `policy/${id}`) },
  },
  'aws:kms/key:Key': {
    inputs: {
      description: 'string',
      enableKeyRotation: 'boolean',
      deletionWindowInDays: 'integer',
      policy: 'string',
      tags,
    },
    replaces: [],
    id: () => [8, 4, 4, 4, 12].map(hex).join('-'),
    outputs: { arn: (id) => arn('kms', `key/${id}`), keyId: (id) => id },
  },
  'aws:kms/alias:Alias': {
    inputs: { name: 'string', targetKeyId: 'string!' },
    replaces: ['name'],
    unique: 'name',
    id: named('name'),
    outputs: { arn: (id) => arn('kms', id) },
  },
  'aws:iam/role:Role': {
    inputs: { name: 'string', description: 'string', assumeRolePolicy: 'string!', tags },
    replaces: ['name'],
    unique: 'name',
    id: named('name'),
    outputs: { arn: (id) => `arn:aws:iam::${ACCOUNT_ID}:role/${id}`, uniqueId: () => `AROA${hex(17).toUpperCase()}` },
  },
  'aws:iam/rolePolicy:RolePolicy': {
    inputs: { name: 'string', role: 'string!', policy: 'string!' },
    replaces: ['name', 'role'],
    id: (inputs) => `${text(inputs['role'])}:${text(inputs['name'])}`,
    outputs: {},
  },
  'aws:iam/instanceProfile:InstanceProfile': {
    inputs: { name: 'string', role: 'string', tags },
    replaces: ['name'],
    unique: 'name',
    id: named('name'),
    outputs: { arn: (id) => `arn:aws:iam::${ACCOUNT_ID}:instance-profile/${id}` },
  },
  'aws:s3/bucket:Bucket': {
    inputs: { bucket: 'string', objectLockEnabled: 'boolean', forceDestroy: 'boolean', tags },
    replaces: ['bucket', 'objectLockEnabled'],
    unique: 'bucket',
    id: named('bucket'),
    outputs: {
      arn: (id) => `arn:aws:s3:::${id}`,
      bucketDomainName: (id) => `${id}.s3.amazonaws.com`,
      region: () => REGION,
    },
  },
  'aws:s3/bucketVersioning:BucketVersioning': ofBucket({ versioningConfiguration: 'object!' }),
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': ofBucket({ rules: 'any!' }),
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': ofBucket({ rules: 'any' }),
  'aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration': ofBucket({ rule: 'object' }),
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': ofBucket({ rule: 'object!' }),
  'aws:s3/bucketPolicy:BucketPolicy': ofBucket({ policy: 'string!' }),
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': ofBucket({
    blockPublicAcls: 'boolean',
    blockPublicPolicy: 'boolean',
    ignorePublicAcls: 'boolean',
    restrictPublicBuckets: 'boolean',
  }),
  'aws:secretsmanager/secret:Secret': {
    inputs: { name: 'string', description: 'string', kmsKeyId: 'string', recoveryWindowInDays: 'integer', tags },
    replaces: ['name'],
    unique: 'name',
    id: (inputs) => arn('secretsmanager', `secret:${text(inputs['name'])}-${hex(6)}`),
    outputs: { arn: (id) => id },
  },
  'aws:secretsmanager/secretVersion:SecretVersion': {
    inputs: { secretId: 'string!', secretString: 'string' },
    replaces: ['secretId'],
    id: (inputs) => `${text(inputs['secretId'])}|terraform-${hex(26)}`,
    outputs: { versionId: (id) => id.split('|')[1] ?? '', arn: (id) => id.split('|')[0] ?? '' },
  },
  'aws:ssm/document:Document': {
    inputs: {
      name: 'string',
      documentType: 'string!',
      documentFormat: 'string',
      targetType: 'string',
      content: 'string!',
      tags,
    },
    replaces: ['name', 'documentType'],
    unique: 'name',
    id: named('name'),
    outputs: { arn: (id) => arn('ssm', `document/${id}`), status: () => 'Active' },
  },
  'aws:ssm/association:Association': {
    inputs: {
      name: 'string',
      associationName: 'string',
      targets: 'any',
      parameters: 'map',
      waitForSuccessTimeoutSeconds: 'integer',
      tags,
    },
    replaces: ['name'],
    id: () => [8, 4, 4, 4, 12].map(hex).join('-'),
    outputs: { arn: (id) => arn('ssm', `association/${id}`), associationId: (id) => id },
  },
  'aws:ssm/parameter:Parameter': {
    inputs: { name: 'string', description: 'string', type: 'string!', insecureValue: 'string', value: 'string', tags },
    replaces: ['name'],
    unique: 'name',
    id: named('name'),
    outputs: { arn: (id) => arn('ssm', `parameter${id}`), version: () => 1 },
  },
};
