/**
 * Pulumi.yaml, the schema of the settings and the notes in `settings/types.ts` say the same thing in three places, for
 * three readers: the Pulumi CLI, the program and the programmer. These tests keep them in step.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { decodeRaw, parseSettings, settingKeys } from '../../infra/settings';
import { settingPaths } from '../../infra/settings/keys';

const ROOT = join(__dirname, '..', '..');
const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };

interface Declaration {
  type?: string;
  items?: { type: string };
  description?: string;
  default?: unknown;
  secret?: boolean;
}

interface ProjectFile {
  name: string;
  description: string;
  main: string;
  runtime: { name: string; options: Record<string, unknown> };
  config: Record<string, Declaration>;
  template: { description: string; config: Record<string, { description: string; default?: string }> };
}

const project = yaml.load(readFileSync(join(ROOT, 'Pulumi.yaml'), 'utf8')) as ProjectFile;
const declared = Object.entries(project.config);

describe('Pulumi.yaml', () => {
  it('declares the keys of the schema, in its order, and no other', () => {
    expect(Object.keys(project.config)).toEqual(settingKeys().map(({ name }) => name));
  });

  it.each(settingKeys())(
    'declares $name with the type and the default of the schema',
    ({ name, type, default: value }) => {
      expect(project.config[name]?.type).toBe(type);
      expect(project.config[name]?.default).toEqual(value);
    },
  );

  it.each(declared)('describes %s in a line that a person can read', (name, { description = '' }) => {
    expect(description.trim().length).toBeGreaterThan(10);
    expect(description).not.toContain('\n');
    // A group's members are told nowhere else in the CLI: each is named.
    const members = settingPaths()
      .filter((path) => path.startsWith(`${name}.`))
      .map((path) => path.split('.').at(-1) ?? '');
    for (const member of members) expect(description).toMatch(new RegExp(`\\b${member}\\b`));
  });

  it('gives every key a default, without which Pulumi would demand a value, and names no secret', () => {
    for (const [, declaration] of declared) {
      expect(declaration.default).toBeDefined();
      expect(declaration.secret).toBeUndefined();
      if (declaration.type === 'array') expect(declaration.items?.type).toBe('string');
    }
  });

  it('runs the program without a type check', () => {
    expect(project.main).toBe('infra/');
    expect(project.runtime).toEqual({
      name: 'nodejs',
      options: { typescript: false, nodeargs: '--require ./register.cjs' },
    });
  });

  it("asks a newcomer only for keys that exist and that one line of text can answer, with the schema's default", () => {
    expect(project.template.description.length).toBeGreaterThan(10);
    for (const [name, question] of Object.entries(project.template.config)) {
      const key = settingKeys().find((candidate) => candidate.name === name);
      expect(key?.type).toBe('string');
      expect(question.description.length).toBeGreaterThan(10);
      expect(question.default ?? '').toBe(key?.default);
    }
  });

  it('makes a right configuration of its defaults', () => {
    const raw = Object.fromEntries(declared.map(([name, declaration]) => [name, declaration.default]));
    expect(parseSettings(raw, { stack: 'dev', project: project.name }).tier).toBe('local');
  });
});

describe('Pulumi.dev.yaml', () => {
  const stack = yaml.load(readFileSync(join(ROOT, 'Pulumi.dev.yaml'), 'utf8')) as Record<
    string,
    Record<string, unknown>
  >;

  it('is a small server on this machine that a destroy takes away whole', () => {
    const raw = Object.fromEntries(
      Object.entries(stack['config'] ?? {}).map(([fullKey, value]) => {
        const [namespace, name = ''] = fullKey.split(':');
        expect(namespace).toBe(project.name);
        return [name, typeof value === 'string' ? decodeRaw(name, value) : value];
      }),
    );
    const settings = parseSettings(raw, { stack: 'dev', project: project.name });
    expect(settings).toMatchObject({
      tier: 'local',
      environment: 'dev',
      protectData: false,
      local: { sampleData: true },
    });
    expect(settings.workload.documents).toBeLessThan(20_000);
  });

  it('holds no salt: it would lock out everybody with another passphrase', () => {
    expect(Object.keys(stack)).toEqual(['config']);
  });
});

/** Where the members of an interface of types.ts lie in the configuration. */
const PLACES: Readonly<Record<string, string>> = {
  CommonSettings: '',
  CloudSettings: '',
  WorkloadSettings: 'workload',
  IndexSettingsBase: 'index',
  HnswIndexSettings: 'index',
  IvfflatIndexSettings: 'index',
  DatabaseSettings: 'database',
  ConnectionLimits: 'database.connectionLimits',
  BackupSettings: 'backup',
  MonitoringSettings: 'monitoring',
  LocalServerSettings: 'local',
  AwsSettings: 'aws',
  NetworkSettings: 'network',
  Ec2HostSettings: 'ec2',
  AuroraClusterSettings: 'aurora',
};

interface Note {
  path: string;
  text: string;
  documented: string | undefined;
}

function notes(): Note[] {
  const file = join(ROOT, 'infra', 'settings', 'types.ts');
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements.filter(ts.isInterfaceDeclaration).flatMap((declaration) => {
    const place = PLACES[declaration.name.text];
    if (place === undefined) return [];
    return declaration.members.filter(ts.isPropertySignature).map((member) => {
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
      const text = ts
        .getJSDocCommentsAndTags(member)
        .map((doc) => (typeof doc.comment === 'string' ? doc.comment : ''))
        .join(' ');
      const name = member.name.getText();
      return {
        path: place === '' ? name : `${place}.${name}`,
        text,
        documented: tag === undefined ? undefined : ts.getTextOfJSDocComment(tag.comment),
      };
    });
  });
}

describe('the notes of settings/types.ts', () => {
  const defaults: Record<string, unknown> = Object.fromEntries(settingKeys().map((key) => [key.name, key.default]));
  const all = notes().filter(({ path, text }) => !(path === 'owner' && text === ''));

  it('cover every setting', () => {
    const noted = new Set(all.map(({ path }) => path));
    const missing = settingPaths().filter((path) => path !== 'tier' && !noted.has(path));
    expect(missing).toEqual([]);
  });

  it.each(all)('say what $path is, and its default as the schema has it', ({ path, text, documented }) => {
    expect(text.trim().length).toBeGreaterThan(5);
    expect(documented).toBeTruthy();
    const value = path
      .split('.')
      .reduce<unknown>((parent, part) => (parent as Record<string, unknown> | undefined)?.[part], defaults);
    if (value === undefined || value === '' || documented === 'see each member') return;
    expect(documented).toBe(typeof value === 'string' ? value : JSON.stringify(value));
  });
});
