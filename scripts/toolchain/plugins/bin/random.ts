/** Entry of `pulumi-resource-random`. */
import { randomPlugin } from '../random';
import { serve } from '../server';

void serve(randomPlugin, process.argv[2]);
