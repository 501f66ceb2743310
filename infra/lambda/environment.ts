/** The environment of a Lambda, as the stack sets it: the only reader of process.env here. */

const VARIABLES = {
  region: 'AWS_REGION',
  stack: 'QBENCH_STACK',
  /** The host. */
  instanceId: 'QBENCH_INSTANCE_ID',
  /** SSM document by which the Lambda works there. */
  document: 'QBENCH_DOCUMENT',
  /** What the monitor compares with, packed. */
  plan: 'QBENCH_PLAN',
} as const;

type Name = keyof typeof VARIABLES;
const EVERY_LAMBDA = ['region', 'stack', 'instanceId', 'document'] as const satisfies readonly Name[];

/**
 * @param own what this Lambda needs beside what all need
 * @throws Error that names every variable that is missing
 */
export function readEnvironment<Own extends Name = never>(
  own: readonly Own[] = [],
): Record<(typeof EVERY_LAMBDA)[number] | Own, string> {
  const names: readonly Name[] = [...EVERY_LAMBDA, ...own];
  const missing = names.filter((name) => (process.env[VARIABLES[name]] ?? '') === '');
  if (missing.length > 0) {
    const variables = missing.map((name) => VARIABLES[name]).join(', ');
    throw new Error(`the environment of the Lambda lacks ${variables}: deploy it again with pulumi up`);
  }
  return Object.fromEntries(names.map((name) => [name, process.env[VARIABLES[name]] ?? ''])) as Record<
    (typeof EVERY_LAMBDA)[number] | Own,
    string
  >;
}
