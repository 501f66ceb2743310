/**
 * The one error type that reaches people. It says what went wrong with the value that was given,
 * what is allowed, and what to do next; anything else that escapes is a defect and keeps its stack.
 */

/** Of a run that the person ended: 128 and the number of SIGINT. */
export const EXIT_INTERRUPTED = 130;

type ExitCode = 1 | 2 | typeof EXIT_INTERRUPTED;

export interface OperatorErrorDetails {
  /** What is allowed, or what was expected instead. */
  allowed?: string;
  /** What to do next: a command to run or a setting to change. */
  next?: string;
  /** 1 = the operation failed; 2 = wrong usage or input; 130 = the person left. @default 1 */
  exitCode?: ExitCode;
  cause?: unknown;
}

export class OperatorError extends Error {
  readonly allowed: string | undefined;
  readonly next: string | undefined;
  readonly exitCode: ExitCode;

  /** @param message what went wrong, with the value that was given; one sentence, no trailing period needed */
  constructor(message: string, details: OperatorErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'OperatorError';
    this.allowed = details.allowed;
    this.next = details.next;
    this.exitCode = details.exitCode ?? 1;
  }

  /** The lines shown to a person: the message, then what is allowed, then what to do. */
  toLines(): string[] {
    const lines = [this.message];
    if (this.allowed !== undefined) lines.push(`  allowed: ${this.allowed}`);
    if (this.next !== undefined) lines.push(`  next:    ${this.next}`);
    return lines;
  }
}

/** Wrong usage or bad input: exit code 2. */
export class UsageError extends OperatorError {
  constructor(message: string, details: Omit<OperatorErrorDetails, 'exitCode'> = {}) {
    super(message, { ...details, exitCode: 2 });
    this.name = 'UsageError';
  }
}

/** The message of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
