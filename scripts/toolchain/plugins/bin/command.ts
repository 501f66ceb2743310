/** Entry of `pulumi-resource-command`. */
import { commandPlugin } from '../command';
import { serve } from '../server';

void serve(commandPlugin, process.argv[2]);
