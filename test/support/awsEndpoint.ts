/**
 * The three calls that a host makes to AWS, over HTTP: its secret, the parameter that its certificate authority is published
 * as, its status tag. The AWS CLI that calls is the real one; who is allowed to call is not judged (test/unit/iamPolicies does).
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class AwsEndpoint {
  /** Secrets by id. */
  readonly secrets = new Map<string, unknown>();
  /** Values of SSM parameters by name. */
  readonly parameters = new Map<string, string>();
  /** Tags in the order that they were set. */
  readonly tags: { resource: string; key: string; value: string }[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<AwsEndpoint> {
    const server = createServer();
    const endpoint = new AwsEndpoint(server);
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const answer = endpoint.answer(String(request.headers['x-amz-target'] ?? ''), body);
        response.writeHead(answer.status, { 'content-type': answer.type });
        response.end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** What makes the AWS CLI of a guest call here. */
  environment(machineAddress: string): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: `http://${machineAddress}:${this.port}`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
  }

  private answer(target: string, body: string): { status: number; type: string; body: string } {
    const json = (status: number, value: unknown) => ({
      status,
      type: 'application/x-amz-json-1.1',
      body: JSON.stringify(value),
    });
    if (target === 'secretsmanager.GetSecretValue') {
      const { SecretId } = JSON.parse(body) as { SecretId: string };
      const found = this.secrets.get(SecretId);
      return found === undefined
        ? json(400, {
            __type: 'ResourceNotFoundException',
            message: "Secrets Manager can't find the specified secret.",
          })
        : json(200, { ARN: SecretId, Name: SecretId, SecretString: JSON.stringify(found) });
    }
    if (target === 'AmazonSSM.PutParameter') {
      const { Name, Value } = JSON.parse(body) as { Name: string; Value: string };
      this.parameters.set(Name, Value);
      return json(200, { Version: 1 });
    }
    const form = new URLSearchParams(body);
    if (form.get('Action') === 'CreateTags') {
      this.tags.push({
        resource: form.get('ResourceId.1') ?? '',
        key: form.get('Tag.1.Key') ?? '',
        value: form.get('Tag.1.Value') ?? '',
      });
      const xml =
        '<CreateTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><return>true</return></CreateTagsResponse>';
      return { status: 200, type: 'text/xml', body: xml };
    }
    return json(400, {
      __type: 'InvalidAction',
      message: `nobody answers ${target || form.get('Action') || 'this'} here`,
    });
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
