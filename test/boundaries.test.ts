/**
 * Keeps the arrows of the house. Rooms and what each may import stand in one table; `infra/README.md` explains them.
 * Proves where imports point, not that a room does only its own work.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(__dirname, '..');

/** A file belongs to the first room whose pattern its path matches. */
const ROOMS: readonly (readonly [room: string, pattern: RegExp])[] = [
  ['naming', /^infra\/naming\.ts$/],
  ['iam', /^infra\/iam\.ts$/],
  ['index', /^infra\/index\.ts$/],
  ['config', /^infra\/(config|machine)\.ts$/],
  ['settings', /^infra\/settings(\.ts$|\/)/],
  ['tiers-plan', /^infra\/tiers\/(plan|ec2Host)\.ts$/],
  ['tiers', /^infra\/tiers\//],
  ['components', /^infra\/components\//],
  ['capacity', /^infra\/capacity\//],
  ['postgres', /^infra\/postgres\//],
  ['ops-errors', /^infra\/ops\/errors\.ts$/],
  ['ops-ports', /^infra\/ops\/ports\.ts$/],
  [
    'ops-declared',
    /^infra\/ops\/(thresholds(\/\w+)?|monitoring\/planned|hostMonitor\/packing|indexes\/desired|migrations\/manifest)\.ts$/,
  ],
  ['ops', /^infra\/ops\//],
  ['adapters', /^infra\/adapters\//],
  ['lambda', /^infra\/lambda\//],
  ['policy-rules', /^infra\/policy\/(rules\/|facts\.ts$)/],
  ['policy', /^infra\/policy\//],
  ['toolchain', /^scripts\/toolchain\//],
  ['scripts', /^scripts\//],
];

/** What each room may import besides itself. `ops-declared` is what a component declares and ops carries out. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  naming: [],
  iam: [],
  index: ['config', 'settings', 'tiers', 'ops-errors'],
  config: ['settings', 'adapters', 'ops-declared'],
  settings: ['capacity', 'naming', 'ops-errors', 'postgres'],
  'tiers-plan': ['capacity', 'naming', 'settings', 'ops-errors', 'ops-declared', 'postgres'],
  tiers: [
    'tiers-plan',
    'components',
    'capacity',
    'postgres',
    'naming',
    'settings',
    'config',
    'ops-declared',
    'ops-errors',
  ],
  components: ['capacity', 'postgres', 'naming', 'iam', 'ops-declared'],
  capacity: [],
  postgres: ['capacity', 'naming', 'ops-errors'],
  'ops-errors': [],
  'ops-ports': ['naming'],
  'ops-declared': ['naming', 'ops-errors', 'ops', 'capacity', 'postgres'],
  ops: ['ops-errors', 'ops-ports', 'ops-declared', 'naming', 'iam', 'capacity', 'postgres'],
  adapters: ['ops-ports', 'ops-errors', 'ops', 'ops-declared', 'naming', 'postgres'],
  lambda: ['ops', 'ops-ports', 'ops-errors', 'ops-declared', 'adapters', 'naming'],
  // Pure, so that a preview in JSON can be judged by the same rules as the engine's resources.
  'policy-rules': ['naming', 'postgres', 'ops', 'settings'],
  policy: ['policy-rules', 'naming', 'ops-errors', 'ops', 'settings', 'config'],
  toolchain: ['adapters', 'ops-ports', 'ops-errors', 'naming', 'scripts'],
  scripts: [
    'ops',
    'ops-ports',
    'ops-errors',
    'ops-declared',
    'adapters',
    'capacity',
    'settings',
    'tiers-plan',
    'policy-rules',
    'naming',
    'postgres',
    'toolchain',
  ],
};

const PULUMI_ROOMS = ['index', 'config', 'tiers', 'components', 'policy', 'toolchain'];
const SOCKET_ROOMS = ['adapters', 'toolchain'];
const ENV_FILES = /^(infra\/(config|machine)\.ts|infra\/lambda\/environment\.ts|scripts\/)/;

interface Source {
  file: string;
  room: string;
  imports: { target: string; typeOnly: boolean }[];
  text: string;
}

function roomOf(file: string): string {
  return ROOMS.find(([, pattern]) => pattern.test(file))?.[0] ?? `no room (${file})`;
}

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(dir, name));
}

function read(file: string): Source {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const imports: Source['imports'] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = /^(import|export) type\b/.test(node.getText(source));
      imports.push({ target: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly });
    }
    if (ts.isCallExpression(node)) {
      const [argument] = node.arguments;
      const loads =
        node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText(source) === 'require';
      if (loads && argument !== undefined && ts.isStringLiteral(argument))
        imports.push({ target: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { file, room: roomOf(file), imports, text };
}

/** Path of an imported file below the checkout, whichever way its extension is left out. */
function resolveImport(from: string, target: string, known: ReadonlySet<string>): string {
  const base = relative(ROOT, resolve(ROOT, dirname(from), target));
  return [base, `${base}.ts`, join(base, 'index.ts')].find((file) => known.has(file)) ?? base;
}

const sources = [...filesBelow('infra'), ...filesBelow('scripts')].map(read);
const known = new Set(sources.map(({ file }) => file));

function violations(judge: (source: Source, target: string, typeOnly: boolean) => string | undefined): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap(({ target, typeOnly }) => {
      const complaint = judge(source, target, typeOnly);
      return complaint === undefined ? [] : [`${source.file} imports ${target}: ${complaint}`];
    }),
  );
}

describe('the house', () => {
  it('gives every file a room', () => {
    expect(sources.filter(({ room }) => !(room in ARROWS)).map(({ file }) => file)).toEqual([]);
  });

  it('keeps the arrows', () => {
    const wrong = violations(({ file, room }, target) => {
      if (!target.startsWith('.') || target.endsWith('.json')) return undefined;
      const to = roomOf(resolveImport(file, target, known));
      return to === room || ARROWS[room]?.includes(to) === true ? undefined : `${room} may not import ${to}`;
    });
    expect(wrong).toEqual([]);
  });

  it('names Pulumi only where resources are declared', () => {
    expect(
      violations(({ room }, target) =>
        target.startsWith('@pulumi/') && !PULUMI_ROOMS.includes(room)
          ? `@pulumi/* belongs to ${PULUMI_ROOMS.join(', ')}`
          : undefined,
      ),
    ).toEqual([]);
  });

  it('opens sockets and starts processes only in adapters', () => {
    const opens = /^(pg|pg-copy-streams|node-pg-migrate|@aws-sdk\/.*)$/;
    expect(
      violations(({ room }, target, typeOnly) =>
        opens.test(target) && !typeOnly && !SOCKET_ROOMS.includes(room)
          ? 'only adapters open a database or call AWS'
          : undefined,
      ),
    ).toEqual([]);
  });

  it('keeps the pure rooms free of the outside world', () => {
    const outside = /^(node:)?(fs|net|http|https|child_process|dns|tls|dgram|worker_threads)(\/.*)?$/;
    const pure = ['naming', 'iam', 'capacity', 'ops-errors'];
    expect(
      violations(({ room }, target) => (pure.includes(room) && outside.test(target) ? `${room} is pure` : undefined)),
    ).toEqual([]);
  });

  it('reads the environment only in config, lambda/environment and scripts', () => {
    const readers = sources.filter(({ file, text }) => /\bprocess\.env\b/.test(text) && !ENV_FILES.test(file));
    expect(readers.map(({ file }) => file)).toEqual([]);
  });

  it('ends the process only in the entry points', () => {
    const enders = sources.filter(
      ({ file, text }) =>
        /\bprocess\.exit\(/.test(text) && !/^scripts\/(cli|toolchain\/(languageHost|plugins\/.*))\.ts$/.test(file),
    );
    expect(enders.map(({ file }) => file)).toEqual([]);
  });

  it('keeps files small enough to read at a sitting', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 400);
    expect(long.map(({ file }) => file)).toEqual([]);
  });
});
