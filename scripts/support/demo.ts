/** Where the demo corpus lies. */
import { join } from 'node:path';
import { CHECKOUT } from './context';

const DEMO = join(CHECKOUT, 'data', 'demo');

export const DEMO_DOCUMENTS = join(DEMO, 'documents.jsonl.gz');
export const DEMO_QUERIES = join(DEMO, 'queries.jsonl.gz');
