/** What the workflows say on GitHub: one comment and one issue of a kind, edited in place. Against a stand-in of its API over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitHub } from '../../infra/adapters/github';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { CHECKOUT } from '../support/machine';

interface Entry {
  id: number;
  number: number;
  title?: string;
  body: string;
  state: string;
  pull_request?: object;
}

let server: Server;
let comments: Entry[];
let issues: Entry[];
let calls: string[];
let token: string;

beforeEach(async () => {
  // More than a page of other people's words before ours.
  comments = Array.from({ length: 130 }, (_, id) => ({ id, number: 0, body: `a remark ${id}`, state: 'open' }));
  issues = [{ id: 1, number: 1, body: '<!-- qbench:drift -->\nof a pull request', state: 'open', pull_request: {} }];
  calls = [];
  server = createServer((request, response) => {
    void text(request).then((sent) => {
      token = request.headers.authorization ?? '';
      const url = new URL(request.url ?? '', 'http://x');
      calls.push(`${request.method ?? ''} ${url.pathname}`);
      const list = url.pathname.includes('comments') ? comments : issues;
      const body = sent === '' ? {} : (JSON.parse(sent) as Partial<Entry>);
      if (request.method === 'GET') {
        const from = (Number(url.searchParams.get('page')) - 1) * 100;
        response.end(JSON.stringify(list.filter(({ state }) => state === 'open').slice(from, from + 100)));
        return;
      }
      if (request.method === 'POST') {
        const made = { id: list.length + 1_000, number: list.length + 1, state: 'open', body: '', ...body };
        list.push(made);
        response.end(JSON.stringify(made));
        return;
      }
      const id = Number(url.pathname.split('/').pop());
      const found = list.find((entry) => (list === issues ? entry.number : entry.id) === id);
      response.statusCode = found === undefined ? 404 : 200;
      response.end(JSON.stringify(Object.assign(found ?? {}, body)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const place = (): { apiUrl: string; repository: string; token: string } => ({
  apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  repository: 'team/database',
  token: 'secret-token',
});

describe('the comment of a pull request', () => {
  it('is made once, then edited wherever it stands, and left alone where it says the same', async () => {
    const github = new GitHub(place());
    expect(await github.comment(7, 'preview', 'one change')).toBe('made');
    expect(await github.comment(7, 'preview', 'two changes')).toBe('edited');
    expect(await github.comment(7, 'preview', 'two changes\n')).toBe('unchanged');
    const ours = comments.filter(({ body }) => body.includes('qbench:preview'));
    expect(ours).toHaveLength(1);
    expect(ours[0]?.body).toBe('<!-- qbench:preview -->\ntwo changes\n');
    expect(token).toBe('Bearer secret-token');
  });

  it('never becomes longer than GitHub takes', async () => {
    await new GitHub(place()).comment(7, 'preview', 'x'.repeat(100_000));
    expect(comments.at(-1)?.body.length).toBeLessThanOrEqual(65_536);
    expect(comments.at(-1)?.body).toMatch(/\(cut: /);
  });
});

describe('the issue of a kind', () => {
  it('is opened, edited, closed, and opened anew; a pull request is none', async () => {
    const github = new GitHub(place());
    const number = await github.openIssue('drift', 'Drift', 'a role');
    expect(number).toBe(2);
    expect(await github.openIssue('drift', 'Drift', 'two roles')).toBe(2);
    expect(await github.closeIssue('drift')).toBe(2);
    expect(await github.closeIssue('drift')).toBeUndefined();
    expect(await github.openIssue('drift', 'Drift', 'again')).toBe(3);
    expect(calls.filter((call) => call.startsWith('POST'))).toHaveLength(2);
  });
});

describe('qbench github', () => {
  const run = (args: string[], env: Record<string, string> = {}, stdin = ''): ReturnType<ProcessRunner['run']> => {
    const { GITHUB_TOKEN: _, GITHUB_REPOSITORY: __, ...rest } = process.env;
    const qbench = join(CHECKOUT, 'scripts', 'qbench.mjs');
    return new ProcessRunner(rest).run(process.execPath, [qbench, 'github', ...args], { env, stdin });
  };

  it('prints what it would say where there is no GitHub', async () => {
    const result = await run(['comment', '--pull', '7', '--kind', 'preview'], {}, 'a report');
    expect(result.stdout).toBe('a report');
    expect((await run(['comment', '--pull', 'x', '--kind', 'preview'])).code).toBe(2);
  });

  it('says it where there is, and the token nowhere', async () => {
    const { apiUrl, repository, token: secret } = place();
    const env = { GITHUB_TOKEN: secret, GITHUB_REPOSITORY: repository, GITHUB_API_URL: apiUrl };
    const result = await run(['issue', '--kind', 'drift', '--title', 'Drift of stack prod'], env, 'a role');
    expect(result.stdout).toBe('issue #2\n');
    expect(result.stdout + result.stderr).not.toContain(secret);
    expect((await run(['issue', '--kind', 'drift', '--close'], env)).stdout).toBe('closed #2\n');
  });
});
