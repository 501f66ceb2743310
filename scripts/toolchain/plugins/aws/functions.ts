/** The functions of AWS that this program calls, answered as an account with two zones and one Debian image would. */
import type { Plain, PlainProperties } from '../values';
import { ACCOUNT_ID, REGION } from './ids';

type Answer = (inputs: PlainProperties) => PlainProperties;

/** @param imageId the newest Debian image at the moment of the question */
export function awsFunctions(imageId: () => string): Record<string, Answer> {
  return {
    'aws:index/getCallerIdentity:getCallerIdentity': () => ({
      accountId: ACCOUNT_ID,
      arn: `arn:aws:iam::${ACCOUNT_ID}:user/recorded`,
      id: ACCOUNT_ID,
      userId: 'AIDAEXAMPLE',
    }),
    'aws:index/getAvailabilityZones:getAvailabilityZones': (inputs) => ({
      ...inputs,
      id: REGION,
      names: [`${REGION}a`, `${REGION}b`],
      groupNames: [REGION],
      zoneIds: ['euc1-az2', 'euc1-az3'],
    }),
    'aws:ec2/getAmi:getAmi': (inputs) => ({
      ...inputs,
      id: imageId(),
      architecture: architectureOf(inputs['filters']),
    }),
    'aws:ec2/getVpc:getVpc': (inputs) => ({ ...inputs, cidrBlock: '10.64.0.0/20' }),
    'aws:ec2/getSubnet:getSubnet': (inputs) => ({ ...inputs, availabilityZone: `${REGION}a` }),
  };
}

function architectureOf(filters: Plain | undefined): string {
  const list = (filters ?? []) as readonly { name: string; values: readonly string[] }[];
  return list.find(({ name }) => name === 'architecture')?.values[0] ?? 'x86_64';
}
