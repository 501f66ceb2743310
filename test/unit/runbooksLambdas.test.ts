/** The alarms that no threshold has lead to a heading of docs/runbooks/lambdas.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHECKOUT } from '../support/machine';

const read = (path: string): string => readFileSync(join(CHECKOUT, path), 'utf8');

it('every heading is where an alarm leads to, and every alarm leads to a heading', () => {
  const sources = read('infra/tiers/ec2Watch.ts') + read('infra/components/alarms.ts');
  const linked = [...sources.matchAll(/lambdas\.md#([\w-]+)/g)].map(([, anchor]) => anchor);
  const headings = [...read('docs/runbooks/lambdas.md').matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings.sort()).toEqual(linked.sort());
});
