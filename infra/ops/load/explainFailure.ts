/** What ended a load, how far it got, and what a rerun does. */
import { OperatorError, messageOf } from '../errors';

/** What to do where the server lacks something, by SQLSTATE. */
const MISSING: Readonly<Record<string, string>> = {
  '42501': 'load as the owner of the database',
  '42P01': 'qbench migrate, or pulumi up',
  '3F000': 'qbench migrate, or pulumi up',
};

/**
 * @param standing how far the load got, in words
 * @param resumable whether a rerun goes on behind the last batch; standard input has no ledger
 * @returns an OperatorError; the error itself where it is a defect of this program
 */
export function explain(error: unknown, standing: string, resumable: boolean): unknown {
  const again = resumable
    ? 'run the same load again: it goes on behind them'
    : 'load it again; rows that are there are updated, not doubled';
  if (error instanceof OperatorError) {
    if (error.message.includes(standing)) return error;
    return new OperatorError(`${error.message}; ${standing}`, {
      ...(error.allowed === undefined ? {} : { allowed: error.allowed }),
      next: error.next ?? again,
      exitCode: error.exitCode,
      cause: error,
    });
  }
  const { code } = error as { code?: string };
  const told = (what: string, next: string): OperatorError =>
    new OperatorError(`${what}: ${messageOf(error)}; ${standing}`, { next, cause: error });
  const missing = MISSING[code ?? ''];
  if (missing !== undefined) return told('cannot load', missing);
  if (code === undefined && !/connection|terminat|socket/i.test(messageOf(error))) return error;
  // SQLSTATE has five characters, a digit among them; errors of the socket have names (EPIPE). Classes 08 and 57: the connection
  // or the server went away.
  if (code?.length === 5 && /\d/.test(code) && !/^(08|57)/.test(code)) {
    return told('the server refused the batch', 'correct the lines behind that, and load the file again');
  }
  return told('the server ended the load', again);
}
