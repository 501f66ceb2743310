/** Parameters of PostgreSQL that a change brings, and what each needs: read from the inputs of the resource that carries them. */
import { parameterChanges, type ParameterChange } from '../../postgres/change';
import { parsePostgresqlConf } from '../../postgres/render';
import { isSecret, MASK } from './mask';
import type { Change, Inputs } from './preview';
import { jsonOf } from './values';

type Parameters = Readonly<Record<string, string>>;

/** postgresql.conf of a host, from the lines of the SSM document that brings it; undefined for another document. */
function hostParameters(inputs: Inputs | undefined): Parameters | undefined {
  const steps = jsonOf(inputs, 'content')?.['mainSteps'];
  const run = (Array.isArray(steps) ? (steps as { inputs?: { runCommand?: unknown } }[]) : [])[0]?.inputs?.runCommand;
  const lines = Array.isArray(run) ? run.filter((line) => typeof line === 'string') : [];
  const start = lines.findIndex((line) => /^take \S*\/postgresql\.conf <<'(\w+)'$/.test(line));
  const end = /<<'(\w+)'$/.exec(lines[start] ?? '')?.[1];
  if (end === undefined) return undefined;
  return parsePostgresqlConf(lines.slice(start + 1, lines.indexOf(end, start)).join('\n'));
}

/** The parameters that the command of a local server is told. */
function localParameters(inputs: Inputs | undefined): Parameters | undefined {
  const parameters = jsonOf(inputs, 'stdin')?.['parameters'];
  return typeof parameters === 'object' && parameters !== null ? (parameters as Parameters) : undefined;
}

function parametersOf(type: string, inputs: Inputs | undefined): Parameters | undefined {
  if (type === 'aws:ssm/document:Document') return hostParameters(inputs);
  return type === 'command:local:Command' ? localParameters(inputs) : undefined;
}

/** Parameters that differ between the two sides of an update; none where the resource carries none. */
export function changedParameters(change: Change): ParameterChange[] {
  if (change.operation !== 'update') return [];
  const before = parametersOf(change.type, change.before?.inputs);
  const after = parametersOf(change.type, change.after?.inputs);
  if (before === undefined || after === undefined) return [];
  return parameterChanges(before, after).map((parameter) =>
    isSecret(parameter.name, undefined)
      ? { name: parameter.name, before: MASK, after: MASK, needs: parameter.needs }
      : parameter,
  );
}
