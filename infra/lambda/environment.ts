/** The environment of a Lambda, as the stack sets it: the only reader of process.env here. */

export interface LambdaEnvironment {
  region: string;
  stack: string;
  /** The host. */
  instanceId: string;
  /** SSM document by which this Lambda works there. */
  document: string;
  /** JSON of what the monitor compares with; '' in the others. */
  planned: string;
}

/** @throws Error that names every variable that is missing */
export function readEnvironment(): LambdaEnvironment {
  const missing: string[] = [];
  const value = (name: string): string => {
    const given = process.env[name];
    if (given === undefined || given === '') missing.push(name);
    return given ?? '';
  };
  const environment = {
    region: value('AWS_REGION'),
    stack: value('QBENCH_STACK'),
    instanceId: value('QBENCH_INSTANCE_ID'),
    document: value('QBENCH_DOCUMENT'),
    planned: process.env['QBENCH_PLANNED'] ?? '',
  };
  if (missing.length > 0) {
    throw new Error(`the environment of the Lambda lacks ${missing.join(', ')}: deploy it again with pulumi up`);
  }
  return environment;
}
