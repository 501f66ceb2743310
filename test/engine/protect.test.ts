/** protectData: a destroy is refused with what to do, stops and loses nothing, and goes through once it was allowed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSuccess, SMALL, TestStack } from '../support/stack';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create('keep', { ...SMALL, protectData: true });
  expectSuccess(await stack.up());
});

afterAll(async () => {
  await stack.remove();
});

describe('a stack whose data is protected', () => {
  it.each([
    ['with its preview', []],
    ['without a preview', ['--skip-preview']],
  ])('refuses to be destroyed %s, and goes on as it was', async (_, options) => {
    const pid = stack.serverPid;
    const refused = await stack.pulumi('destroy', '--yes', ...options);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toMatch(/protected/);
    expect(stack.serverPid).toBe(pid);
    expectSuccess(await stack.up('--expect-no-changes'));
    expect((await stack.qbench(['health'])).code).toBe(0);
  });

  it('is destroyed once protectData is false', async () => {
    stack.configure(SMALL);
    expectSuccess(await stack.up());
    expectSuccess(await stack.destroy());
    expect(stack.serverPid).toBeUndefined();
    expect(stack.record).toBeUndefined();
  });
});
