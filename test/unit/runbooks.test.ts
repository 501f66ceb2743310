/** Every threshold has its heading in a runbook, with the four things a person needs, and no heading is without a threshold. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { THRESHOLDS } from '../../infra/ops/thresholds';

const FOLDER = join(__dirname, '..', '..', 'docs', 'runbooks');
const files = [...new Set(THRESHOLDS.map(({ runbook }) => runbook.split('#')[0] ?? ''))];
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

/** The anchor that GitHub gives a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

function sections(file: string): Map<string, string> {
  return new Map(
    read(file)
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0]?.trim() ?? '', section]),
  );
}

describe.each(files)('%s', (file) => {
  const found = sections(file);

  it('has a heading for each of its thresholds, and no other', () => {
    const expected = THRESHOLDS.filter(({ runbook }) => runbook.startsWith(`${file}#`));
    expect([...found.keys()]).toEqual(expected.map(({ name }) => name));
    expect(expected.map(({ name }) => `${file}#${anchor(name)}`)).toEqual(expected.map(({ runbook }) => runbook));
  });

  it.each([...found])(
    '%s says what it means, how to see it, how to fix it, and how to know that it worked',
    (_, text) => {
      for (const part of ['What it means', 'See it', 'Fix it', 'Know it worked'])
        expect(text).toMatch(new RegExp(`^- \\*\\*${part}\\.\\*\\* \\S.{10,}`, 'm'));
    },
  );

  it('links to headings that are there', () => {
    const links = [...read(file).matchAll(/\]\(([\w.]*)#([\w-]+)\)/g)];
    const broken = links.filter(([, target = '', heading]) => {
      const where = target === '' ? file : target;
      return !existsSync(join(FOLDER, where)) || ![...sections(where).keys()].some((each) => anchor(each) === heading);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});
