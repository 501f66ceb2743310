/** Errors of the capacity plan. Both carry whole sentences for people. */
import type { Problem } from './evaluate';
import type { WayOut } from './waysOut';
import type { InputMistake } from './workload';

/** The workload does not fit its host. */
export class CapacityError extends Error {
  constructor(
    readonly problems: readonly Problem[],
    readonly waysOut: readonly WayOut[],
  ) {
    super(
      [
        'the workload does not fit its host:',
        ...problems.map(({ message }) => `  - ${message}`),
        'ways out:',
        ...waysOut.map(({ message }, index) => `  ${index + 1}. ${message}`),
      ].join('\n'),
    );
    this.name = 'CapacityError';
  }

  /** The lines shown to a person. */
  toLines(): string[] {
    return this.message.split('\n');
  }
}

/** The numbers given to the planner make no sense; lists every mistake. */
export class CapacityInputError extends Error {
  constructor(readonly mistakes: readonly InputMistake[]) {
    super(
      [
        'the capacity plan cannot be made:',
        ...mistakes.map(({ field, given, allowed }) => `  ${field} = ${String(given)}; allowed: ${allowed}`),
      ].join('\n'),
    );
    this.name = 'CapacityInputError';
  }
}
