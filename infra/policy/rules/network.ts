/** Rules of the network: who reaches what. */
import { fsbp, type Rule, type StackFinding, type Subject } from './types';
import { isMissing, isNot, isUnknown, items, record, text, texts } from './values';

const INGRESS = [
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
  'aws:ec2/securityGroupRule:SecurityGroupRule',
  'aws:ec2/securityGroup:SecurityGroup',
];

interface Opening {
  cidrs: string[];
  groups: string[];
  from: number;
  to: number;
}

/** What a rule or a group lets in. */
function openings(type: string, inputs: Readonly<Record<string, unknown>>): Opening[] {
  if (type.endsWith(':SecurityGroup')) return items(inputs['ingress']).map((entry) => opening(record(entry)));
  if (type.endsWith(':SecurityGroupRule') && inputs['type'] !== 'ingress') return [];
  return [opening(inputs)];
}

function opening(from: Readonly<Record<string, unknown>>): Opening {
  const every = from['ipProtocol'] === '-1' || from['protocol'] === '-1';
  return {
    cidrs: ['cidrIpv4', 'cidrIpv6', 'cidrBlocks', 'ipv6CidrBlocks'].flatMap((key) => texts(from[key])),
    groups: ['referencedSecurityGroupId', 'sourceSecurityGroupId', 'securityGroups'].flatMap((key) =>
      items(from[key]).map(String),
    ),
    from: every ? 0 : Number(from['fromPort'] ?? 0),
    to: every ? 65_535 : Number(from['toPort'] ?? 65_535),
  };
}

/** Ranges that are too wide for a database: /16 and wider, /48 and wider of IPv6. */
function isWide(cidr: string): boolean {
  const prefix = Number(cidr.split('/')[1] ?? Number.NaN);
  return !(prefix > (cidr.includes(':') ? 48 : 16));
}

export const NETWORK_RULES: readonly Rule[] = [
  {
    id: 'host-no-public-address',
    title: 'The host has no public address',
    reason: 'what has no public address cannot be reached by mistake of a security group',
    ...fsbp('EC2.9'),
    enforcement: 'guarded',
    types: [
      'aws:ec2/instance:Instance',
      'aws:ec2/launchTemplate:LaunchTemplate',
      'aws:ec2/eip:Eip',
      'aws:ec2/eipAssociation:EipAssociation',
    ],
    check: ({ type, inputs }: Subject): string[] => {
      if (type.endsWith(':Eip') || type.endsWith(':EipAssociation')) {
        const given = ['networkInterface', 'networkInterfaceId', 'instance', 'instanceId'].some(
          (key) => !isMissing(inputs[key]),
        );
        return given ? ['a public address is given to a host'] : [];
      }
      const own = [inputs, ...items(inputs['networkInterfaces']).map(record)];
      return own.some((each) => String(each['associatePublicIpAddress']) === 'true')
        ? ['associatePublicIpAddress is true']
        : [];
    },
  },
  {
    id: 'subnet-no-public-addresses',
    title: 'Subnets give out no public addresses by themselves',
    reason: 'a host put into the subnet later would be public without anybody asking for it',
    ...fsbp('EC2.15'),
    enforcement: 'always',
    types: ['aws:ec2/subnet:Subnet'],
    check: ({ inputs }) => (String(inputs['mapPublicIpOnLaunch']) === 'true' ? ['mapPublicIpOnLaunch is true'] : []),
  },
  {
    id: 'no-ingress-from-everywhere',
    title: 'No port is open to 0.0.0.0/0 or ::/0',
    reason: 'databases that everybody can reach are found by scanners within minutes',
    ...fsbp('EC2.18'),
    enforcement: 'always',
    types: INGRESS,
    check: ({ type, inputs }) =>
      openings(type, inputs).flatMap(({ cidrs, from, to }) =>
        cidrs.filter((cidr) => /\/0$/.test(cidr)).map((cidr) => `ports ${from} to ${to} are open to ${cidr}`),
      ),
  },
  {
    id: 'database-port-narrow',
    title: 'The port of the database is open to named security groups, or to ranges narrower than /16',
    reason: 'a wide range lets in whatever joins the network later',
    ...fsbp('EC2.19'),
    enforcement: 'guarded',
    types: INGRESS,
    check: ({ type, inputs }) =>
      openings(type, inputs)
        .filter(({ to }) => to >= 1024)
        .flatMap(({ cidrs, groups }) => {
          const wide = cidrs
            .filter((cidr) => isWide(cidr))
            .map((cidr) => `it is open to ${cidr}, which is /16 or wider`);
          const known = [inputs['cidrIpv4'], inputs['cidrIpv6']].some(isUnknown);
          const nobody =
            cidrs.length + groups.length === 0 &&
            !known &&
            inputs['self'] !== true &&
            inputs['prefixListId'] === undefined;
          return nobody ? ['it names neither a range nor a security group'] : wide;
        }),
  },
  {
    id: 'default-group-closed',
    title: 'The default security group lets nothing in and nothing out',
    reason: 'what is put into no group by mistake shall reach nothing',
    ...fsbp('EC2.2'),
    enforcement: 'always',
    types: ['aws:ec2/defaultSecurityGroup:DefaultSecurityGroup'],
    check: ({ inputs }) =>
      ['ingress', 'egress'].filter((way) => items(inputs[way]).length > 0).map((way) => `it has rules of ${way}`),
  },
  {
    id: 'flow-logs',
    title: 'A network of our own has flow logs',
    reason: 'after an incident they are the only record of who talked to whom',
    ...fsbp('EC2.6'),
    enforcement: 'advice',
    checkStack: (subjects: readonly Subject[]): StackFinding[] => {
      const logs = subjects.filter(({ type }) => type === 'aws:ec2/flowLog:FlowLog');
      return subjects
        .filter(({ type }) => type === 'aws:ec2/vpc:Vpc')
        .filter(() => logs.length === 0)
        .map((subject) => ({ subject, message: 'it has no flow log' }));
    },
  },
  {
    id: 'github-trust-exact',
    title: 'A role that GitHub may take on names its audience and the exact repository and branch',
    reason: 'a wildcard lets other branches, or other repositories, act in the account',
    control: 'GitHub OIDC',
    url: 'https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws',
    enforcement: 'always',
    types: ['aws:iam/role:Role'],
    check: ({ inputs }) => githubTrust(text(inputs['assumeRolePolicy'])),
  },
];

function githubTrust(document: string): string[] {
  if (!document.includes('token.actions.githubusercontent.com')) return [];
  let statements: readonly unknown[];
  try {
    statements = items(record(JSON.parse(document))['Statement']);
  } catch {
    return ['its trust policy is no JSON'];
  }
  return statements.map(record).flatMap((statement) => {
    if (!JSON.stringify(statement['Principal'] ?? '').includes('token.actions.githubusercontent.com')) return [];
    const conditions = Object.values(record(statement['Condition'])).map(record);
    const valuesOf = (key: string): string[] =>
      conditions.flatMap((condition) => texts(condition[`token.actions.githubusercontent.com:${key}`]));
    const [audiences, subjects] = [valuesOf('aud'), valuesOf('sub')];
    return [
      ...(audiences.length === 0 || audiences.some((audience) => audience.includes('*'))
        ? ['the audience (aud) is not named']
        : []),
      ...(subjects.length === 0 || subjects.some((subject) => /[*?]/.test(subject))
        ? ['the subject (sub) is not named exactly']
        : []),
    ];
  });
}

/** Rules of one host. */
export const HOST_RULES: readonly Rule[] = [
  {
    id: 'imds-v2',
    title: 'Instance metadata answers to sessions only (IMDSv2), one hop away',
    reason: 'version 1 hands the credentials of the host to whoever makes it fetch a URL',
    ...fsbp('EC2.8'),
    enforcement: 'always',
    types: ['aws:ec2/instance:Instance', 'aws:ec2/launchTemplate:LaunchTemplate'],
    check: ({ inputs }: Subject): string[] => {
      const options = record(inputs['metadataOptions']);
      return [
        ...(isNot(options['httpTokens'], 'required') ? ['metadataOptions.httpTokens is not "required"'] : []),
        ...(isNot(options['httpPutResponseHopLimit'], 1) ? ['metadataOptions.httpPutResponseHopLimit is not 1'] : []),
      ];
    },
  },
  {
    id: 'disks-encrypted',
    title: "Root and data volumes are encrypted with a key of the stack's own",
    reason: 'with a key of its own the stack decides who reads a copied disk or snapshot',
    ...fsbp('EC2.3'),
    enforcement: 'always',
    types: ['aws:ec2/instance:Instance', 'aws:ebs/volume:Volume'],
    check: ({ type, inputs }: Subject): string[] => {
      const root = type.endsWith(':Instance');
      const disk = root ? record(inputs['rootBlockDevice']) : inputs;
      const what = root ? 'the root volume' : 'the volume';
      return [
        ...(isNot(disk['encrypted'], true) ? [`${what} is not encrypted`] : []),
        ...(isMissing(disk['kmsKeyId']) ? [`${what} names no key`] : []),
      ];
    },
  },
  {
    id: 'volume-snapshots',
    title: 'Every data volume is covered by a snapshot policy, by a tag of it',
    reason: 'a second way back beside the backups of the database',
    ...fsbp('EC2.28'),
    enforcement: 'guarded',
    checkStack: (subjects: readonly Subject[]): StackFinding[] => {
      const targets = subjects
        .filter(
          ({ type, inputs }) => type === 'aws:dlm/lifecyclePolicy:LifecyclePolicy' && inputs['state'] !== 'DISABLED',
        )
        .map(({ inputs }) => record(record(inputs['policyDetails'])['targetTags']));
      const covers = (tags: Readonly<Record<string, unknown>>): boolean =>
        targets.some((target) => Object.entries(target).some(([key, value]) => tags[key] === value));
      return subjects
        .filter(({ type, inputs }) => type === 'aws:ebs/volume:Volume' && !covers(record(inputs['tags'])))
        .map((subject) => ({ subject, message: 'no snapshot policy covers any of its tags' }));
    },
  },
  {
    id: 'host-through-ssm',
    title: 'Hosts have no key pair, and a profile that lets SSM manage them',
    reason: 'a key that was copied cannot be taken back; sessions through SSM are logged and end with the right',
    ...fsbp('SSM.1'),
    enforcement: 'always',
    types: ['aws:ec2/instance:Instance', 'aws:ec2/launchTemplate:LaunchTemplate'],
    check: ({ inputs }) => [
      ...(isMissing(inputs['keyName']) ? [] : ['keyName names a key pair']),
      ...(isMissing(inputs['iamInstanceProfile']) ? ['it has no instance profile'] : []),
    ],
  },
  {
    id: 'image-pinned',
    title: 'A later image is no reason to replace a host in production',
    reason: 'Debian publishes images every few weeks; each would replace the host at the next change of anything',
    ...fsbp('EC2.24'),
    enforcement: 'production',
    types: ['aws:ec2/instance:Instance'],
    check: ({ name, ignoreChanges }, { imagePinned, allowDestroy }) =>
      ignoreChanges === undefined ||
      imagePinned ||
      ignoreChanges.includes('ami') ||
      allowDestroy.some((entry) => entry === name || entry.endsWith(`::${name}`))
        ? []
        : ['its image is neither named in the configuration nor kept (ignoreChanges: ami)'],
  },
];
