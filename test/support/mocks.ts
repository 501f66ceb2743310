/**
 * Mocks of the engine that record what a program declares. They prove which resources with which inputs are asked for, not
 * that any provider accepts them: the tests of tier `engine` do that.
 */
import * as pulumi from '@pulumi/pulumi';

export interface Declared {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

/** Resource types that a program of this project may declare; anything unforeseen is an error, not an empty answer. */
const OUTPUTS: Readonly<Record<string, (inputs: Record<string, unknown>, name: string) => Record<string, unknown>>> = {
  'random:index/randomPassword:RandomPassword': (_, name) => ({ result: `canary-${name}` }),
  'random:index/randomBytes:RandomBytes': () => ({ base64: Buffer.alloc(16, 7).toString('base64') }),
  'command:local:Command': () => ({ stdout: JSON.stringify({ host: '127.0.0.1', port: 5999 }), stderr: '' }),
  'pulumi:providers:postgresql': () => ({}),
  'postgresql:index/role:Role': () => ({}),
  'postgresql:index/database:Database': () => ({}),
  'postgresql:index/extension:Extension': () => ({}),
  'postgresql:index/grant:Grant': () => ({}),
  'postgresql:index/defaultPrivileges:DefaultPrivileges': () => ({}),
};

/** Declares what `program` declares and returns it, with the program's own answer. */
export async function declare<T>(program: () => T | Promise<T>): Promise<{ declared: Declared[]; result: T }> {
  const declared: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const given = inputs as Record<string, unknown>;
        declared.push({ type, name, inputs: given });
        const outputs = OUTPUTS[type];
        // Components have no provider to mock.
        if (outputs === undefined && !type.startsWith('qbench:')) throw new Error(`unforeseen resource type ${type}`);
        return { id: `${name}-id`, state: { ...given, ...outputs?.(given, name) } };
      },
      call: ({ token }) => {
        throw new Error(`unforeseen function call ${token}`);
      },
    },
    'qbench-postgres',
    'mocked',
    false,
  );
  const result = await program();
  // Registrations run on their own; the mocks have seen all of them once the runtime is idle.
  await pulumi.runtime.disconnect();
  return { declared, result };
}

/** The value of an output, secret or not. */
export function valueOf<T>(output: pulumi.Input<T>): Promise<T> {
  return new Promise((resolve) => {
    pulumi.output(output).apply((value) => resolve(value as T));
  });
}
