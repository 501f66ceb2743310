/** What the workflows say on GitHub: one comment of a kind on a pull request, one open issue of a kind; both edited, never repeated. */
import { OperatorError } from '../ops/errors';

/** GitHub takes no longer text: https://docs.github.com/rest/issues/comments answers 422 above it. */
const BODY_MAX = 65_536;
const PAGE = 100;

export interface GitHubPlace {
  /** "https://api.github.com", or that of an Enterprise server. */
  apiUrl: string;
  /** "owner/name". */
  repository: string;
  token: string;
}

interface Text {
  id: number;
  number?: number;
  body: string | null;
  pull_request?: unknown;
}

export class GitHub {
  constructor(private readonly place: GitHubPlace) {}

  /** Writes the comment of a kind, or edits the one that is there. @returns what was done */
  async comment(pull: number, kind: string, body: string): Promise<'made' | 'edited' | 'unchanged'> {
    const text = marked(kind, body);
    const found = await this.find(`issues/${pull}/comments`, kind);
    if (found?.body === text) return 'unchanged';
    if (found === undefined) await this.send('POST', `issues/${pull}/comments`, { body: text });
    else await this.send('PATCH', `issues/comments/${found.id}`, { body: text });
    return found === undefined ? 'made' : 'edited';
  }

  /** Opens the issue of a kind, or edits the open one. @returns its number */
  async openIssue(kind: string, title: string, body: string): Promise<number> {
    const text = marked(kind, body);
    const found = await this.find('issues?state=open', kind);
    if (found === undefined) return (await this.send<Text>('POST', 'issues', { title, body: text })).number ?? 0;
    if (found.body !== text) await this.send('PATCH', `issues/${found.number ?? 0}`, { title, body: text });
    return found.number ?? 0;
  }

  /** Closes the open issue of a kind. @returns its number, or undefined where there is none */
  async closeIssue(kind: string): Promise<number | undefined> {
    const found = await this.find('issues?state=open', kind);
    if (found?.number === undefined) return undefined;
    await this.send('PATCH', `issues/${found.number}`, { state: 'closed', state_reason: 'completed' });
    return found.number;
  }

  private async find(path: string, kind: string): Promise<Text | undefined> {
    for (let page = 1; ; page++) {
      const joint = path.includes('?') ? '&' : '?';
      const texts = await this.send<Text[]>('GET', `${path}${joint}per_page=${PAGE}&page=${page}`);
      const found = texts.find(({ body, pull_request: pull }) => pull === undefined && body?.startsWith(marker(kind)));
      if (found !== undefined || texts.length < PAGE) return found;
    }
  }

  private async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { apiUrl, repository, token } = this.place;
    const response = await fetch(`${apiUrl}/repos/${repository}/${path}`, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'x-github-api-version': '2022-11-28',
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return (await response.json()) as T;
    const words = (await response.text()).slice(0, 300);
    throw new OperatorError(`GitHub answered ${response.status} to ${method} ${path}: ${words}`, {
      next: /^40[134]$/.test(String(response.status))
        ? 'the job needs the permission pull-requests: write (comments) or issues: write (issues)'
        : 'try the job again',
    });
  }
}

function marker(kind: string): string {
  return `<!-- qbench:${kind} -->`;
}

/** The text with the mark by which it is found again, cut to what GitHub takes. */
function marked(kind: string, body: string): string {
  const text = `${marker(kind)}\n${body.trimEnd()}\n`;
  const note = '\n\n(cut: GitHub takes no longer text)\n';
  return text.length <= BODY_MAX ? text : text.slice(0, BODY_MAX - note.length) + note;
}
