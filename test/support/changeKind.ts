import { parameterChanges } from '../../infra/postgres/change';

type Parameters = Readonly<Record<string, string>>;

/** What has to be done for a change of parameters to take effect, by the preview's prediction. */
export function changeKind(before: Parameters, after: Parameters): 'none' | 'reload' | 'restart' {
  const needs = parameterChanges(before, after).map((change) => change.needs);
  if (needs.includes('restart')) return 'restart';
  return needs.length === 0 ? 'none' : 'reload';
}
