/** Entry of `pulumi-resource-aws`, for tests only; no command of this project puts it on PATH. */
import { awsPlugin } from '../aws';
import { serve } from '../server';

void serve(awsPlugin(process.env['QBENCH_AWS_ACCOUNT']), process.argv[2]);
