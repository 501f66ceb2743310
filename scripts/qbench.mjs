#!/usr/bin/env node
// The operations CLI: `npm run qbench -- VERB`, or this file by hand. It only makes sure that the program runs on a
// Node that can run it (the checkout brings its own) and that TypeScript is understood; everything else is cli.ts.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const ownNode = fileURLToPath(new URL('node_modules/node/bin/node', root));

if (Number(process.versions.node.split('.')[0]) < 22) {
  if (!existsSync(ownNode)) {
    console.error('qbench: this checkout is not installed yet (node_modules/node is missing)');
    console.error('  next:    npm run up, or npm ci');
    process.exit(1);
  }
  const child = spawnSync(ownNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  if (child.signal) process.kill(process.pid, child.signal);
  process.exit(child.status ?? 1);
}

const require = createRequire(import.meta.url);
require('../infra/register.cjs');
require('./cli.ts');
