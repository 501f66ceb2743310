import { Eip } from '@pulumi/aws/ec2/eip';
import { Instance } from '@pulumi/aws/ec2/instance';
import { NetworkInterface } from '@pulumi/aws/ec2/networkInterface';
import { VolumeAttachment } from '@pulumi/aws/ec2/volumeAttachment';
import { all, ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import { userDataBase64, type CloudInitInput } from '../postgres/cloudInit';
import type { CloudScope } from './cloudScope';

/** What is only known once other resources are made. */
type Later = 'address' | 'volumeSerial' | 'secretId' | 'caParameter' | 'cidrs' | 'repository';

export interface HostArgs {
  scope: CloudScope;
  /** Image; `pinned` where the configuration names it, so that another one is a wish and not the passing of time. */
  image: { id: Input<string>; pinned: boolean };
  instanceType: string;
  rootVolumeGiB: number;
  keyArn: Input<string>;
  profileName: Input<string>;
  subnetId: Input<string>;
  securityGroupId: Input<string>;
  volumeId: Input<string>;
  /** Gives the host a public address, without any rule that lets somebody in. */
  publicAddress: boolean;
  /** What the user data follows from. */
  userData: Omit<CloudInitInput, Later>;
  secretId: Input<string>;
  caParameter: Input<string>;
  cidrs: Input<string[]>;
  repository: Input<CloudInitInput['repository']>;
}

/**
 * The machine: reached through SSM only, replaceable at any time because its address (a network interface) and its data (a
 * volume) are resources of their own. Cost: the instance, as `qbench plan` names it, and its root volume.
 */
export class Host extends ComponentResource {
  readonly instanceId: Output<string>;
  /** Private address; it stays when the host is replaced. */
  readonly address: Output<string>;

  constructor(name: string, args: HostArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:Host`, name, {}, options);
    const { scope } = args;
    const card = new NetworkInterface(
      `${name}-interface`,
      {
        subnetId: args.subnetId,
        securityGroups: [args.securityGroupId],
        description: scope.name('host'),
        tags: scope.tags('host'),
      },
      { parent: this, ...scope.guard(`${name}-interface`) },
    );
    if (args.publicAddress) {
      new Eip(
        `${name}-public`,
        { domain: 'vpc', networkInterface: card.id, tags: scope.tags('host') },
        { parent: this },
      );
    }
    const userData = all([
      card.privateIp,
      args.volumeId,
      args.secretId,
      args.caParameter,
      args.cidrs,
      args.repository,
    ]).apply(([address, volumeId, secretId, caParameter, cidrs, repository]) =>
      userDataBase64({
        ...args.userData,
        address,
        volumeSerial: volumeId.replace('-', ''),
        secretId,
        caParameter,
        cidrs,
        repository,
      }),
    );
    // Named in `allowDestroy`, the host may be replaced: by what is newest in image and user data. Otherwise both stay as they
    // were at its first start: a later Debian image is no reason, and a changed configuration reaches the living host through SSM.
    const renew = scope.mayGo(`${name}-instance`);
    const instance = new Instance(
      `${name}-instance`,
      {
        ami: args.image.id,
        instanceType: args.instanceType,
        iamInstanceProfile: args.profileName,
        primaryNetworkInterface: { networkInterfaceId: card.id },
        metadataOptions: {
          httpEndpoint: 'enabled',
          httpTokens: 'required',
          httpPutResponseHopLimit: 1,
          instanceMetadataTags: 'disabled',
        },
        rootBlockDevice: {
          volumeType: 'gp3',
          volumeSize: args.rootVolumeGiB,
          encrypted: true,
          kmsKeyId: args.keyArn,
          deleteOnTermination: true,
          tags: scope.tags('root'),
        },
        ebsOptimized: true,
        monitoring: false,
        instanceInitiatedShutdownBehavior: 'stop',
        userDataBase64: userData,
        tags: scope.tags('host'),
      },
      {
        parent: this,
        ...scope.guard(`${name}-instance`),
        // The interface and the volume can be attached to one host at a time.
        deleteBeforeReplace: true,
        ...(renew
          ? { replaceOnChanges: ['userDataBase64'] }
          : { ignoreChanges: ['userDataBase64', ...(args.image.pinned ? [] : ['ami'])] }),
      },
    );
    new VolumeAttachment(
      `${name}-data`,
      {
        instanceId: instance.id,
        volumeId: args.volumeId,
        deviceName: '/dev/sdf',
        // The server is shut down in order before its disk goes.
        stopInstanceBeforeDetaching: true,
      },
      {
        parent: this,
        deleteBeforeReplace: true,
        // It ends with its host. Taken away by itself it would stop a server whose host and volume are protected; and protected
        // it would keep a host that was named from being replaced, since the engine asks the state, not the program.
        retainOnDelete: scope.guard(`${name}-interface`).protect === true,
      },
    );
    this.instanceId = instance.id;
    this.address = card.privateIp;
    this.registerOutputs({ instanceId: this.instanceId, address: this.address });
  }
}
