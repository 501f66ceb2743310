import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule';
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';

export interface HostSecurityArgs {
  scope: CloudScope;
  vpcId: Input<string>;
  port: number;
  /** Ranges that may connect to the server. */
  cidrs: readonly string[];
  /** Security groups that may connect to the server. */
  securityGroupIds: readonly string[];
}

/** What the host calls: package sources (http is what Debian's images use; the packages are signed) and AWS. */
const EGRESS = [
  { suffix: 'https', port: 443, description: 'AWS and package sources' },
  { suffix: 'http', port: 80, description: 'Debian package sources; packages are signed' },
] as const;

/** The host's security group: the database's port from named sources, nothing else in; no port of a shell at all. */
export class HostSecurity extends ComponentResource {
  readonly securityGroupId: Output<string>;

  constructor(name: string, args: HostSecurityArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostSecurity`, name, {}, options);
    const { scope, port } = args;
    const group = new SecurityGroup(
      `${name}-group`,
      // Rules are resources of their own: a list here and rules there would undo each other.
      {
        name: scope.name('host'),
        description: 'PostgreSQL from named sources',
        vpcId: args.vpcId,
        tags: scope.tags('host'),
      },
      { parent: this },
    );
    const inside = { parent: this, deletedWith: group };
    const allow = (
      source: string,
      from: { cidrIpv4: string } | { cidrIpv6: string } | { referencedSecurityGroupId: string },
    ): void => {
      new SecurityGroupIngressRule(
        `${name}-from-${source}`,
        {
          securityGroupId: group.id,
          ipProtocol: 'tcp',
          fromPort: port,
          toPort: port,
          description: 'PostgreSQL',
          ...from,
          tags: scope.tags('host'),
        },
        inside,
      );
    };
    for (const cidr of args.cidrs) allow(cidr, cidr.includes(':') ? { cidrIpv6: cidr } : { cidrIpv4: cidr });
    for (const id of args.securityGroupIds) allow(id, { referencedSecurityGroupId: id });
    for (const { suffix, port: to, description } of EGRESS) {
      new SecurityGroupEgressRule(
        `${name}-to-${suffix}`,
        {
          securityGroupId: group.id,
          ipProtocol: 'tcp',
          fromPort: to,
          toPort: to,
          cidrIpv4: '0.0.0.0/0',
          description,
          tags: scope.tags('host'),
        },
        inside,
      );
    }
    this.securityGroupId = group.id;
    this.registerOutputs({ securityGroupId: this.securityGroupId });
  }
}
