#!/usr/bin/env node
// What `npm run up`, `npm test` and the other npm scripts need on a bare machine. Built-in modules only, Node >= 20:
// nothing may be installed yet when this runs. It installs the locked dependencies where they are missing or stale, and
// hands over to the TypeScript of the checkout on the checkout's own Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

/** Verb of this script -> what runs for it. */
const SCRIPTS = {
  up: ['scripts/up.ts'],
  preview: ['scripts/preview.ts'],
  destroy: ['scripts/destroy.ts'],
  pulumi: ['scripts/toolchain/pulumi.ts'],
  test: ['scripts/test.ts'],
  check: ['scripts/check.ts'],
  bench: ['scripts/bench.ts'],
};

function fail(message, next) {
  console.error(message);
  console.error(`  next:    ${next}`);
  process.exit(1);
}

/** npm by the same npm that started this, so that no other version of it writes into node_modules. */
function npm(args) {
  const cli = process.env.npm_execpath;
  return cli === undefined
    ? spawnSync('npm', args, { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] })
    : spawnSync(process.execPath, [cli, ...args], { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] });
}

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(checkout, 'package-lock.json')))
    .digest('hex');
  const stamp = join(checkout, 'node_modules', '.qbench-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.error('installing the locked dependencies (npm ci; about a minute the first time)');
  const result = npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (result.status !== 0) {
    fail(
      `npm ci failed (exit code ${result.status ?? result.signal})`,
      'read its message above; it needs the npm registry and a writable checkout',
    );
  }
  writeFileSync(stamp, lock);
}

const [verb, ...args] = process.argv.slice(2);
const script = SCRIPTS[verb];
if (script === undefined)
  fail(`bootstrap: "${verb ?? ''}" is not one of ${Object.keys(SCRIPTS).join(', ')}`, 'npm run lists the scripts');
if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  fail(`Node.js ${process.versions.node} is too old`, `install Node.js ${OLDEST_NODE} or newer`);
}
install();

const ownNode = join(checkout, 'node_modules', 'node', 'bin', 'node');
const node = existsSync(ownNode) ? ownNode : process.execPath;
const path = [dirname(node), join(checkout, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
const child = spawn(
  node,
  ['--require', join(checkout, 'infra', 'register.cjs'), join(checkout, script[0]), ...script.slice(1), ...args],
  {
    cwd: checkout,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  },
);
// A terminal's Ctrl-C has reached the child as well; this process only waits for it to end in its own way.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => (process.stdin.isTTY ? undefined : child.kill(signal)));
child.on('close', (code, signal) => process.exit(signal === null ? code : 130));
