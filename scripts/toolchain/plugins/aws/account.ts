/**
 * What two stacks of one account share: names that can be there only once, and a journal of what was done. Both are files
 * in a folder, because each engine run has a plugin process of its own.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface JournalEntry {
  op: 'create' | 'update' | 'delete';
  type: string;
  name: string;
  id: string;
}

export interface TaggedEntry {
  arn: string;
  tags: unknown;
  /** Ids of what it is a part of: a network, a security group. */
  within: string[];
}

export class RecordedAccount {
  /** @param folder undefined: nothing is written down, and every name is free */
  constructor(private readonly folder: string | undefined) {
    if (folder !== undefined) mkdirSync(join(folder, 'names'), { recursive: true });
  }

  /** Never holds values: some are secrets. */
  write(entry: JournalEntry): void {
    if (this.folder !== undefined) appendFileSync(join(this.folder, 'journal.jsonl'), `${JSON.stringify(entry)}\n`);
  }

  /** What the resource tagging API would tell of a resource that carries tags. Tags are no secrets. */
  tag(id: string, tagged: TaggedEntry): void {
    if (this.folder === undefined) return;
    mkdirSync(join(this.folder, 'tags'), { recursive: true });
    writeFileSync(join(this.folder, 'tags', encodeURIComponent(id)), JSON.stringify(tagged));
  }

  /** Takes the tags of a resource back, and of all that goes with it without a call of its own. */
  untag(id: string): void {
    const dir = join(this.folder ?? '', 'tags');
    if (this.folder === undefined || !existsSync(dir)) return;
    rmSync(join(dir, encodeURIComponent(id)), { force: true });
    for (const name of readdirSync(dir)) {
      const file = join(dir, name);
      if (!existsSync(file)) continue;
      const { within } = JSON.parse(readFileSync(file, 'utf8')) as TaggedEntry;
      if (within.includes(id)) this.untag(decodeURIComponent(name));
    }
  }

  /** @throws Error naming the owner where the name is taken, as AWS does */
  claim(type: string, value: string, owner: string): void {
    if (this.folder === undefined) return;
    const file = this.file(type, value);
    try {
      writeFileSync(file, owner, { flag: 'wx' });
    } catch {
      throw new Error(`${type} "${value}" already exists in this account; ${readFileSync(file, 'utf8')} made it`);
    }
  }

  release(type: string, value: string): void {
    if (this.folder !== undefined) rmSync(this.file(type, value), { force: true });
  }

  /** Keeps the value of a secret, as an account does: a test's stand-in of Secrets Manager answers from it. */
  keepSecret(arn: string, value: string): void {
    if (this.folder === undefined) return;
    mkdirSync(join(this.folder, 'secrets'), { recursive: true, mode: 0o700 });
    // AWS puts six characters behind the name.
    const name = arn.replace(/^.*:secret:/, '').replace(/-[0-9a-f]{6}$/, '');
    writeFileSync(join(this.folder, 'secrets', encodeURIComponent(name)), value, { mode: 0o600 });
  }

  /** The newest Debian image: what a test wrote into the file `image`, else always the same. */
  get imageId(): string {
    const file = join(this.folder ?? '', 'image');
    return this.folder !== undefined && existsSync(file) ? readFileSync(file, 'utf8') : 'ami-0123456789abcdef0';
  }

  private file(type: string, value: string): string {
    return join(this.folder ?? '', 'names', encodeURIComponent(`${type} ${value}`));
  }
}
