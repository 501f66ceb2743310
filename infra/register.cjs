/**
 * Lets Node run this project's TypeScript: `node --require infra/register.cjs FILE.ts`. Types are stripped here and checked by
 * `npm run check` alone. A hook for `.ts` and nothing else: every file of the Pulumi SDK goes past it, and what Node compiled
 * once is kept beside what was stripped, which together halve the start of a preview.
 */
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { dirname, join, relative } = require('node:path');

const checkout = dirname(__dirname);
const cache = join(checkout, 'node_modules', '.cache', 'qbench');
// Node 20, which somebody's language host may find first, does not have it.
enableCompileCache?.(join(cache, 'compiled'));

require.extensions['.ts'] = (module, file) => {
  module._compile(stripped(readFileSync(file, 'utf8'), file), file);
};

/** Lines stay where they are, so that a stack trace needs no source map. */
function stripped(source, file) {
  const kept = join(cache, 'stripped', `${relative(checkout, file).replaceAll(/[\\/]/g, '+')}.js`);
  const version = `//${createHash('sha256').update(source).digest('hex')}\n`;
  try {
    const known = readFileSync(kept, 'utf8');
    if (known.startsWith(version)) return known.slice(version.length);
  } catch {
    // Not stripped yet.
  }
  const { transform } = require('sucrase');
  const { code } = transform(source, {
    transforms: ['imports', 'typescript'],
    disableESTransforms: true,
    filePath: file,
  });
  try {
    mkdirSync(dirname(kept), { recursive: true });
    // In one step: another run may be reading it.
    const staging = `${kept}.${process.pid}`;
    writeFileSync(staging, version + code);
    renameSync(staging, kept);
  } catch {
    // Somebody else's checkout: it works without.
  }
  return code;
}
