import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup';
import { Role } from '@pulumi/aws/iam/role';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy';
import { Function as AwsFunction } from '@pulumi/aws/lambda/function';
import { FunctionEventInvokeConfig } from '@pulumi/aws/lambda/functionEventInvokeConfig';
import { all, asset, ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { trustOf } from './iamPolicies';
import { lambdaPolicy } from './lambdaPolicies';

/** A zip with the code, and its digest as AWS gives it. */
export interface LambdaZip {
  /** Path for the engine. */
  zip: string;
  sha256: string;
}

export interface LambdaFunctionArgs {
  scope: CloudScope;
  /** Name of the Lambda, such as `backup`. */
  suffix: string;
  description: string;
  code: LambdaZip;
  environment: Readonly<Record<string, Input<string>>>;
  keyArn: Input<string>;
  logRetentionDays: number;
  documentArn: Input<string>;
  instanceArn: Input<string>;
  queueArn: Input<string>;
  /** An event that could not be carried out for so long goes to the queue, in seconds. */
  eventAgeSeconds: number;
}

/** Calls SSM a few times and ends; the work itself is the host's, and takes as long as it takes. */
const TIMEOUT_SECONDS = 60;
const MEMORY_MIB = 256;

/**
 * A Lambda outside of the VPC with a role and a log group of its own. One runs at a time: events queue, and what is decided
 * from the list of runs is decided once. Cost: next to nothing; `docs/monitoring.md` counts it.
 */
export class LambdaFunction extends ComponentResource {
  readonly arn: Output<string>;
  readonly functionName: Output<string>;

  constructor(name: string, args: LambdaFunctionArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:LambdaFunction`, name, {}, options);
    const { scope, suffix } = args;
    const parent = { parent: this };
    const logs = new LogGroup(
      `${name}-logs`,
      {
        name: `/aws/lambda/${scope.name(suffix)}`,
        kmsKeyId: args.keyArn,
        retentionInDays: args.logRetentionDays,
        tags: scope.tags(suffix),
      },
      parent,
    );
    const role = new Role(
      `${name}-role`,
      {
        name: scope.name(`lambda-${suffix}`),
        description: args.description,
        assumeRolePolicy: JSON.stringify(trustOf('lambda.amazonaws.com', scope.args.accountId)),
        tags: scope.tags(suffix),
      },
      parent,
    );
    const rights = new RolePolicy(
      `${name}-rights`,
      {
        name: suffix,
        role: role.name,
        policy: all([logs.arn, args.documentArn, args.instanceArn, args.queueArn]).apply(
          ([logGroupArn, documentArn, instanceArn, queueArn]) =>
            JSON.stringify(lambdaPolicy({ logGroupArn, documentArn, instanceArn, queueArn })),
        ),
      },
      { ...parent, deletedWith: role },
    );
    const made = new AwsFunction(
      `${name}-function`,
      {
        name: scope.name(suffix),
        description: args.description,
        role: role.arn,
        runtime: 'nodejs24.x',
        architectures: ['arm64'],
        handler: 'index.handler',
        code: new asset.FileArchive(args.code.zip),
        sourceCodeHash: args.code.sha256,
        timeout: TIMEOUT_SECONDS,
        memorySize: MEMORY_MIB,
        reservedConcurrentExecutions: 1,
        environment: { variables: args.environment },
        // The lines are JSON already, those of the metrics too.
        loggingConfig: { logFormat: 'Text', logGroup: logs.name },
        tags: scope.tags(suffix),
      },
      { ...parent, dependsOn: rights },
    );
    new FunctionEventInvokeConfig(
      `${name}-failures`,
      {
        functionName: made.name,
        maximumRetryAttempts: 2,
        maximumEventAgeInSeconds: args.eventAgeSeconds,
        destinationConfig: { onFailure: { destination: args.queueArn } },
      },
      { ...parent, deletedWith: made },
    );
    this.arn = made.arn;
    this.functionName = made.name;
    this.registerOutputs({ arn: this.arn });
  }
}
