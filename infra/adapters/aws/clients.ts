/** Clients of AWS with the patience that its APIs ask for, and their errors in words. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { messageOf, OperatorError } from '../../ops/errors';

/**
 * What every client is made with. Throttled requests are tried again with growing waits; credentials, profile and (in tests)
 * endpoints come from where the SDK always takes them.
 */
export function clientOptions(region: string): { region: string; maxAttempts: number; retryMode: string } {
  return { region, maxAttempts: 8, retryMode: 'adaptive' };
}

export function ssmClient(region: string): SSMClient {
  return new SSMClient(clientOptions(region));
}

export function secretsClient(region: string): SecretsManagerClient {
  return new SecretsManagerClient(clientOptions(region));
}

/** Name of an error of AWS, such as `AccessDeniedException`. */
export function awsErrorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

const CREDENTIALS = /^(CredentialsProviderError|UnrecognizedClientException|ExpiredToken|InvalidSignatureException)/;

/**
 * Runs one call and tells its failure to people.
 * @param what what was attempted, as in "reading the secret NAME"
 * @param action the right that it needs, as in "ssm:SendCommand"
 * @throws OperatorError; one that the work threw itself goes through as it is
 */
export async function awsCall<T>(what: string, action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const name = awsErrorName(error);
    if (name === 'AbortError') throw error;
    const next = CREDENTIALS.test(name)
      ? 'log in to AWS (aws sso login, or AWS_PROFILE), then again'
      : /^AccessDenied|UnauthorizedOperation|^Unauthorized/.test(name)
        ? `your AWS user needs the right ${action}: ask who administers the account`
        : /Throttl|TooManyRequests|RequestLimit/.test(name)
          ? 'AWS limits requests of this account at the moment: try again in a minute'
          : 'is AWS reached from here, and is the region of the stack (aws.region) the right one?';
    throw new OperatorError(
      `${what} failed: ${name === 'Error' || name === '' ? '' : `${name}: `}${messageOf(error)}`,
      {
        next,
        cause: error,
      },
    );
  }
}
