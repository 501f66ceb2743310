/** Entry of `pulumi-resource-postgresql`. */
import { postgresqlPlugin } from '../postgresql';
import { serve } from '../server';

void serve(postgresqlPlugin, process.argv[2]);
