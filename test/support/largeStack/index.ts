/** Five hundred resources of the types of tier ec2, a few of each kind of change when `round` goes from 1 to 2. */
import { Config } from '@pulumi/pulumi';
import { Volume } from '@pulumi/aws/ebs/volume';
import { Provider } from '@pulumi/aws/provider';
import { Bucket } from '@pulumi/aws/s3/bucket';
import { Secret } from '@pulumi/aws/secretsmanager/secret';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule';

const round = new Config().requireNumber('round');
const options = { provider: new Provider('aws', { region: 'eu-central-1' }) };
const key = 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012';
const tags = {
  project: 'qbench-postgres',
  stack: 'large',
  owner: 'platform',
  'managed-by': 'pulumi',
  round: String(round),
};

for (let i = 0; i < 100; i++) {
  // Ten of them move, which replaces them.
  const availabilityZone = round === 2 && i < 10 ? 'eu-central-1b' : 'eu-central-1a';
  new Volume(
    `volume-${i}`,
    { availabilityZone, type: 'gp3', size: 100 + round, encrypted: true, kmsKeyId: key, tags },
    options,
  );
}
// Five buckets go in the second round.
for (let i = round === 2 ? 5 : 0; i < 50; i++)
  new Bucket(`bucket-${i}`, { bucket: `qbench-large-${i}`, tags }, options);
for (let i = 0; i < 100; i++) {
  new Secret(`secret-${i}`, { name: `qbench/large/${i}`, kmsKeyId: key, recoveryWindowInDays: 30, tags }, options);
}
for (let i = 0; i < 249; i++) {
  new SecurityGroupIngressRule(
    `from-${i}`,
    {
      securityGroupId: 'sg-0123456789abcdef0',
      ipProtocol: 'tcp',
      fromPort: 5432,
      toPort: 5432,
      cidrIpv4: `10.1.${i}.0/24`,
      tags,
    },
    options,
  );
}
