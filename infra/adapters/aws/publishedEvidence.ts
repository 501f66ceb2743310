/**
 * The evidence of a stack's backups in Parameter Store: whoever may read that, and nothing of the host, can tell whether a restore was
 * proven. A preview of a pull request must not be able to do more.
 */
import { GetParameterCommand, ParameterNotFound, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { evidenceParameterName, PROJECT, TAGS } from '../../naming';
import { OperatorError } from '../../ops/errors';
import { awsCall } from './clients';

/** @param evidence JSON of at most 4,096 characters, as a standard parameter takes */
export async function publishEvidence(client: SSMClient, stack: string, evidence: string): Promise<void> {
  const name = evidenceParameterName(stack);
  await awsCall(`publishing the evidence of backups in ${name}`, 'ssm:PutParameter', () =>
    client.send(
      new PutParameterCommand({
        Name: name,
        Type: 'String',
        Overwrite: true,
        Description: `The last proven restore of stack ${stack} (${TAGS.project}: ${PROJECT})`,
        Value: evidence,
      }),
    ),
  );
}

/** @throws OperatorError where none was published, or it may not be read */
export async function publishedEvidence(client: SSMClient, stack: string): Promise<string> {
  const name = evidenceParameterName(stack);
  const found = await awsCall(`reading the parameter ${name}`, 'ssm:GetParameter', async () => {
    try {
      return await client.send(new GetParameterCommand({ Name: name }));
    } catch (error) {
      if (error instanceof ParameterNotFound) return undefined;
      throw error;
    }
  });
  const text = found?.Parameter?.Value;
  if (text !== undefined) return text;
  throw new OperatorError(`no evidence of backups of stack ${stack} was published`, {
    next: `qbench drill --stack ${stack} proves a restore and publishes it in ${name}`,
  });
}
