/** `pulumi` with this checkout's toolchain: `npm run pulumi -- ...`, or `.qbench/bin/pulumi ...` by hand. */
import { OperatorError } from '../../infra/ops/errors';
import { machineContext } from '../support/context';
import { createProgress } from '../support/progress';
import { Toolchain } from './toolchain';

async function main(): Promise<number> {
  try {
    const toolchain = await Toolchain.ensure(machineContext(process.env), createProgress(process.stderr));
    return await toolchain.run(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`${error.toLines().join('\n')}\n`);
    return error.exitCode;
  }
}

void main().then((code) => {
  process.exitCode = code;
});
