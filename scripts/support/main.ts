import { OperatorError } from '../../infra/ops/errors';

/** Runs an entry point: its number becomes the exit code, an OperatorError is told in words, a defect keeps its stack. */
export function runMain(main: () => Promise<number>): void {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      if (!(error instanceof OperatorError)) throw error;
      process.stderr.write(`${error.toLines().join('\n')}\n`);
      process.exitCode = error.exitCode;
    },
  );
}
