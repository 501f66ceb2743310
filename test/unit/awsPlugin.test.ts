/** The table of the recording aws plugin against the argument types of @pulumi/aws: a plugin that takes less or more proves nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { AWS_TYPES, type AwsType } from '../../scripts/toolchain/plugins/aws/types';
import { awsPlugin, specOf } from '../../scripts/toolchain/plugins/aws';
import { checkInputs } from '../../scripts/toolchain/plugins/check';

const PACKAGE = join(__dirname, '../../node_modules/@pulumi/aws');

interface Argument {
  required: boolean;
  type: string;
}

/** The arguments of a resource by its token, as its declaration file says. */
function argumentsOf(token: string): Record<string, Argument> {
  const [, module = '', name = ''] = token.split(':');
  const file = join(PACKAGE, `${module}.d.ts`);
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Record<string, Argument> = {};
  source.forEachChild((node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== `${name}Args`) return;
    for (const member of node.members) {
      if (!ts.isPropertySignature(member) || member.type === undefined) continue;
      found[member.name.getText(source)] = {
        required: member.questionToken === undefined,
        type: kindOf(member.type.getText(source)),
      };
    }
  });
  return found;
}

/** The table's word for a type such as `pulumi.Input<string | undefined>`. */
function kindOf(text: string): string {
  const inner = text
    .replaceAll(/\s+/g, ' ')
    .replace(/^pulumi\.Input<(.*)>$/, '$1')
    .replace(/ \| undefined$/, '')
    .replaceAll(/ \| [A-Z]\w+/g, '');
  if (inner === 'number') return 'integer';
  if (inner === 'boolean') return 'boolean';
  // On its way an archive is a signed object.
  if (inner === 'pulumi.asset.Archive') return 'object';
  if (inner.startsWith('{')) return 'map';
  if (inner.endsWith('[]')) return inner.includes('inputs.') ? 'any' : 'list';
  return inner.startsWith('inputs.') ? 'object' : 'string';
}

function typeOf(token: string): AwsType {
  const type = AWS_TYPES[token];
  if (type === undefined) throw new Error(`${token} is not in the table`);
  return type;
}

describe('the table', () => {
  it.each(Object.keys(AWS_TYPES))('%s is a type of @pulumi/aws with these inputs', (token) => {
    const real = argumentsOf(token);
    const { inputs, replaces, unique } = typeOf(token);
    const declared = Object.entries(inputs).map(([name, kind]) => [
      name,
      // The argument types know only numbers.
      { required: kind.endsWith('!'), type: kind.replace('!', '').replace('number', 'integer') },
    ]);
    expect(Object.fromEntries(declared)).toEqual(
      Object.fromEntries(Object.keys(inputs).map((name) => [name, real[name]])),
    );
    const needed = Object.keys(real).filter((name) => real[name]?.required === true);
    expect(Object.keys(inputs)).toEqual(expect.arrayContaining(needed));
    expect(Object.keys(inputs)).toEqual(
      expect.arrayContaining([...replaces, ...(unique === undefined ? [] : [unique])]),
    );
  });
});

describe('the plugin', () => {
  const check = (token: string, inputs: Record<string, never> | Record<string, string>): string[] =>
    checkInputs(token, specOf(typeOf(token)), inputs).failures.map(({ reason }) => reason);

  it('refuses what is missing, misspelt or of another type', () => {
    expect(check('aws:ebs/volume:Volume', {})).toEqual(['aws:ebs/volume:Volume needs availabilityZone']);
    expect(check('aws:ebs/volume:Volume', { availabilityZone: 'a', sizeGiB: 'x' })[0]).toMatch(
      /has no input property sizeGiB/,
    );
    expect(check('aws:ebs/volume:Volume', { availabilityZone: 'a', size: '40' })).toEqual([
      'size of aws:ebs/volume:Volume must be a whole number',
    ]);
  });

  it('refuses an account that the provider does not allow', () => {
    const plugin = awsPlugin(undefined);
    expect(() => plugin.configure({ region: 'eu-central-1', allowedAccountIds: ['444455556666'] })).toThrow(
      /not allowed/,
    );
  });

  it.each([
    ['aws:ec2/instance:Instance', /^i-[0-9a-f]{17}$/],
    ['aws:ebs/volume:Volume', /^vol-[0-9a-f]{17}$/],
    ['aws:kms/key:Key', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ['aws:dlm/lifecyclePolicy:LifecyclePolicy', /^policy-[0-9a-f]{17}$/],
  ] as const)('gives %s an id as AWS does', (token, shape) => {
    expect(typeOf(token).id({})).toMatch(shape);
  });
});
