/** Entry of `pulumi-resource-aws`, for tests only; no command of this project puts it on PATH. */
import { awsPlugin } from '../aws';
import { serve } from '../server';

const { QBENCH_AWS_ACCOUNT: folder, QBENCH_AWS_IMAGE: image } = process.env;
void serve(awsPlugin(folder, { imageId: image ?? 'ami-0123456789abcdef0' }), process.argv[2]);
