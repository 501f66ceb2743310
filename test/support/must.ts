/** For tests: a value that must be there. */

/** @throws Error, which fails the test, when there is none */
export function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the test expected a value here, and there is none');
  return value;
}
