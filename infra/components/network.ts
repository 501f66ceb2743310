import { DefaultSecurityGroup } from '@pulumi/aws/ec2/defaultSecurityGroup';
import { Eip } from '@pulumi/aws/ec2/eip';
import { getSubnetOutput } from '@pulumi/aws/ec2/getSubnet';
import { getVpcOutput } from '@pulumi/aws/ec2/getVpc';
import { InternetGateway } from '@pulumi/aws/ec2/internetGateway';
import { NatGateway } from '@pulumi/aws/ec2/natGateway';
import { Route } from '@pulumi/aws/ec2/route';
import { RouteTable } from '@pulumi/aws/ec2/routeTable';
import { RouteTableAssociation } from '@pulumi/aws/ec2/routeTableAssociation';
import { Subnet } from '@pulumi/aws/ec2/subnet';
import { Vpc } from '@pulumi/aws/ec2/vpc';
import { VpcEndpoint } from '@pulumi/aws/ec2/vpcEndpoint';
import { all, ComponentResource, output, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { quarters } from './subnetRanges';

export interface NetworkArgs {
  scope: CloudScope;
  /** An existing VPC with private subnets of it, or the range of one to be made. */
  place:
    | { kind: 'adopt'; vpcId: string; subnetIds: readonly string[] }
    | {
        kind: 'create';
        cidr: string;
        zones: readonly [string, string];
        zonesPinned: boolean;
        egress: 'nat' | 'public';
      };
}

/**
 * Where the host lives: private subnets in two zones with a way out and none in, and S3 without leaving AWS's network; or the
 * subnets that were given, as they are. Cost: 33 USD a month and 0.045 USD a GB for the NAT gateway; none with `public`.
 */
export class Network extends ComponentResource {
  readonly vpcId: Output<string>;
  /** Range of the VPC. */
  readonly cidr: Output<string>;
  readonly subnetIds: readonly Output<string>[];
  /** Zone of the first subnet: the host and its volume are in the same. */
  readonly zone: Output<string>;

  constructor(name: string, args: NetworkArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:Network`, name, {}, options);
    const { place } = args;
    const made = place.kind === 'create' ? this.create(name, args.scope, place) : this.adopt(place);
    this.vpcId = made.vpcId;
    this.cidr = made.cidr;
    this.subnetIds = made.subnetIds;
    this.zone = made.zone;
    this.registerOutputs({ vpcId: this.vpcId });
  }

  private adopt(place: Extract<NetworkArgs['place'], { kind: 'adopt' }>): NetworkParts {
    const [first = ''] = place.subnetIds;
    return {
      vpcId: output(place.vpcId),
      cidr: getVpcOutput({ id: place.vpcId }, { parent: this }).cidrBlock,
      subnetIds: place.subnetIds.map((id) => output(id)),
      zone: getSubnetOutput({ id: first }, { parent: this }).availabilityZone,
    };
  }

  private create(
    name: string,
    scope: CloudScope,
    place: Extract<NetworkArgs['place'], { kind: 'create' }>,
  ): NetworkParts {
    const parent = { parent: this };
    const vpc = new Vpc(
      `${name}-vpc`,
      { cidrBlock: place.cidr, enableDnsSupport: true, enableDnsHostnames: true, tags: scope.tags('vpc') },
      parent,
    );
    // What is put into no security group by mistake reaches nothing and is reached by nothing.
    new DefaultSecurityGroup(
      `${name}-default`,
      { vpcId: vpc.id, ingress: [], egress: [], tags: scope.tags('unused') },
      { ...parent, deletedWith: vpc },
    );
    const gateway = new InternetGateway(`${name}-internet`, { vpcId: vpc.id, tags: scope.tags('internet') }, parent);
    const [firstRange, secondRange, publicRange] = quarters(place.cidr);
    const subnet = (suffix: string, cidrBlock: string, availabilityZone: Input<string>): Subnet =>
      new Subnet(
        `${name}-${suffix}`,
        { vpcId: vpc.id, cidrBlock, availabilityZone, mapPublicIpOnLaunch: false, tags: scope.tags(suffix) },
        // A zone that AWS adds must not move subnets whose zones nobody chose.
        place.zonesPinned ? parent : { ...parent, ignoreChanges: ['availabilityZone'] },
      );
    const ways: Route[] = [];
    const table = (
      suffix: string,
      target: { gatewayId: Input<string> } | { natGatewayId: Input<string> },
    ): RouteTable => {
      const routes = new RouteTable(`${name}-${suffix}-routes`, { vpcId: vpc.id, tags: scope.tags(suffix) }, parent);
      const way = new Route(
        `${name}-${suffix}-out`,
        { routeTableId: routes.id, destinationCidrBlock: '0.0.0.0/0', ...target },
        { ...parent, deletedWith: routes },
      );
      ways.push(way);
      return routes;
    };
    const uses = (suffix: string, subnetId: Input<string>, routes: RouteTable): RouteTableAssociation =>
      new RouteTableAssociation(`${name}-${suffix}-association`, { subnetId, routeTableId: routes.id }, parent);

    const first = subnet('private-1', firstRange, place.zones[0]);
    const second = subnet('private-2', secondRange, place.zones[1]);
    let routes: RouteTable;
    if (place.egress === 'nat') {
      const outside = subnet('public', publicRange, place.zones[0]);
      const address = new Eip(
        `${name}-nat-address`,
        { domain: 'vpc', tags: scope.tags('nat') },
        { ...parent, dependsOn: gateway },
      );
      const association = uses('public', outside.id, table('public', { gatewayId: gateway.id }));
      const nat = new NatGateway(
        `${name}-nat`,
        { allocationId: address.id, subnetId: outside.id, tags: scope.tags('nat') },
        { ...parent, dependsOn: association },
      );
      routes = table('private', { natGatewayId: nat.id });
    } else {
      routes = table('private', { gatewayId: gateway.id });
    }
    const associations = [uses('private-1', first.id, routes), uses('private-2', second.id, routes)];
    // Backups go to S3 without the NAT gateway's price for each GB.
    const s3 = new VpcEndpoint(
      `${name}-s3`,
      {
        vpcId: vpc.id,
        serviceName: `com.amazonaws.${scope.region}.s3`,
        vpcEndpointType: 'Gateway',
        routeTableIds: [routes.id],
        tags: scope.tags('s3'),
      },
      parent,
    );
    // A host that starts before its way out would fail its setup once for nothing.
    const ready = (id: Output<string>): Output<string> =>
      all([id, ...[...associations, ...ways, s3].map((resource) => resource.id)]).apply(([known = '']) => known);
    return {
      vpcId: vpc.id,
      cidr: vpc.cidrBlock,
      subnetIds: [ready(first.id), ready(second.id)],
      zone: first.availabilityZone,
    };
  }
}

type NetworkParts = Pick<Network, 'vpcId' | 'cidr' | 'subnetIds' | 'zone'>;
