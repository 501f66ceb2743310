/** Path patterns as the real command plugin has them (github.com/gobwas/glob with `/` as separator). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A pattern as a regular expression over a whole path: `*` and `?` do not match `/`, `**` does, `[a-z]`, `[!a-z]`,
 * `{one,two}`, and `\` takes the next character as it is.
 */
export function globToRegExp(glob: string): RegExp {
  let source = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at++) {
    const character = glob.charAt(at);
    if (character === '*') {
      const deep = glob[at + 1] === '*';
      if (deep) at++;
      source += deep ? '.*' : '[^/]*';
    } else if (character === '?') source += '[^/]';
    else if (character === '\\') source += escape(glob[++at] ?? '\\');
    else if (character === '[') {
      const end = glob.indexOf(']', at + 2);
      if (end < 0) throw new Error(`the pattern ${JSON.stringify(glob)} has a [ without its ]`);
      const body = glob.slice(at + 1, end).replaceAll('\\', '\\\\');
      source += body.startsWith('!') ? `[^${body.slice(1)}]` : `[${body}]`;
      at = end;
    } else if (character === '{') {
      depth++;
      source += '(?:';
    } else if (character === '}' && depth > 0) {
      depth--;
      source += ')';
    } else if (character === ',' && depth > 0) source += '|';
    else source += escape(character);
  }
  if (depth > 0) throw new Error(`the pattern ${JSON.stringify(glob)} has a { without its }`);
  return new RegExp(`^${source}$`, 's');
}

/**
 * The files under a folder that the patterns name, relative to it and sorted. A pattern that starts with `!` takes files
 * out again; patterns are applied in order.
 */
export function matchFiles(folder: string, patterns: readonly string[]): string[] {
  const rules = patterns.map((pattern) => {
    const excludes = pattern.startsWith('!');
    return { excludes, expression: globToRegExp(excludes ? pattern.slice(1) : pattern) };
  });
  if (rules.length === 0) return [];
  const matched: string[] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else {
        const last = rules.filter(({ expression }) => expression.test(path)).at(-1);
        if (last !== undefined && !last.excludes) matched.push(path);
      }
    }
  };
  walk('');
  return matched.sort();
}

function escape(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\/]/, '\\$&');
}
