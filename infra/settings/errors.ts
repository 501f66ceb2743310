/** The one error that lists every mistake of a configuration. */
import { OperatorError } from '../ops/errors';

/** One mistake: which key, what was given, what is allowed. */
export interface Mistake {
  /** Path as `pulumi config set --path` takes it: `index.m`, `network.allowedCidrs[0]`. */
  readonly key: string;
  /** What is wrong, with the value that was given unless it may be a secret. */
  readonly problem: string;
  /** What is allowed, and whose limit it is. */
  readonly allowed?: string;
  /** What was probably meant, or what else would help. */
  readonly hint?: string;
}

/** The configuration of a stack is not right. Exit code 2. */
export class SettingsError extends OperatorError {
  readonly mistakes: readonly Mistake[];

  /** @param stack name of the stack whose configuration it is */
  constructor(stack: string, mistakes: readonly Mistake[]) {
    super(render(stack, mistakes), {
      exitCode: 2,
      next: `correct Pulumi.${stack}.yaml, or: pulumi config set --path 'KEY' VALUE`,
    });
    this.name = 'SettingsError';
    this.mistakes = mistakes;
  }
}

function render(stack: string, mistakes: readonly Mistake[]): string {
  const count = mistakes.length === 1 ? '1 setting' : `${String(mistakes.length)} settings`;
  const lines = [`${count} of stack "${stack}" ${mistakes.length === 1 ? 'is' : 'are'} not right:`];
  let group: string | undefined;
  for (const mistake of mistakes) {
    const own = /^[^.[]*/.exec(mistake.key)?.[0];
    if (own !== group) lines.push('');
    group = own;
    lines.push(`  ${mistake.key}: ${mistake.problem}`);
    if (mistake.allowed !== undefined) lines.push(`    allowed: ${mistake.allowed}`);
    if (mistake.hint !== undefined) lines.push(`    hint:    ${mistake.hint}`);
  }
  return lines.join('\n');
}

const LONGEST_SHOWN = 80;

/**
 * A value as it is shown in a message: JSON, cut when long, with the password of any URL in it masked. Of an object only
 * the names of its members are shown: what stands where no object belongs was meant for another, unknown key.
 */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value) && value.some((entry) => typeof entry === 'object')) return 'a list of objects';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return `an object (${Object.keys(value)
      .map((name) => name.slice(0, 40))
      .join(', ')
      .slice(0, LONGEST_SHOWN)})`;
  }
  const masked = JSON.stringify(value).replaceAll(/(:\/\/[^\s:@/"]*):.*@/g, '$1:***@');
  return masked.length <= LONGEST_SHOWN
    ? masked
    : `${masked.slice(0, LONGEST_SHOWN)}... (${String(masked.length)} characters)`;
}

/** A path as `pulumi config set --path` takes it; keys that are no plain word are quoted. */
export function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${String(part)}]`;
    const name = String(part);
    if (!/^[A-Za-z_][\w-]*$/.test(name) && text !== '') return `${text}[${shown(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}
