/**
 * A stand-in of the Resource Groups Tagging API over HTTP: it tells what the recording aws plugin has made in an account folder. SSM
 * is asked at the same address and knows no host. Point a client at it by AWS_ENDPOINT_URL. Not proven: rights and signatures.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

interface Recorded {
  arn: string;
  tags: Record<string, string>;
}

interface Request {
  TagFilters?: { Key: string; Values?: string[] }[];
  PaginationToken?: string;
}

/** Few, so that every list has several pages. */
const PAGE = 5;

export class TagServer {
  /** What AWS's clock says; undefined says the right time. */
  time: Date | undefined;
  private constructor(
    private readonly server: Server,
    private readonly account: string,
  ) {}

  /** @param account folder of the recording aws plugin's account */
  static async start(account: string): Promise<TagServer> {
    const server = createServer();
    const made = new TagServer(server, account);
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        const answer = String(request.headers['x-amz-target']).endsWith('GetResources')
          ? made.resources(JSON.parse(body) as Request)
          : { InstanceInformationList: [] };
        response.setHeader('content-type', 'application/x-amz-json-1.1');
        response.setHeader('date', (made.time ?? new Date()).toUTCString());
        response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  /** Environment that leads the AWS SDK here. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'recorded',
      AWS_SECRET_ACCESS_KEY: 'recorded',
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private resources({ TagFilters = [], PaginationToken = '' }: Request): unknown {
    const dir = join(this.account, 'tags');
    const all = existsSync(dir)
      ? readdirSync(dir).map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as Recorded)
      : [];
    const matching = all.filter(({ tags }) =>
      TagFilters.every(({ Key, Values = [] }) => tags[Key] !== undefined && Values.includes(tags[Key])),
    );
    const from = Number(PaginationToken);
    const more = matching.length > from + PAGE;
    return {
      ResourceTagMappingList: matching.slice(from, from + PAGE).map(({ arn, tags }) => ({
        ResourceARN: arn,
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      })),
      PaginationToken: more ? String(from + PAGE) : '',
    };
  }
}
