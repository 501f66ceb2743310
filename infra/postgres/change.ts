/** What a change of parameters will need, told from two maps alone, so that a preview can say it with no server at hand. */
import { parameterCatalog } from './catalog';
import { sameValue } from './values';

type Parameters = Readonly<Record<string, string>>;

export interface ParameterChange {
  name: string;
  /** Absent where the parameter gets or loses its line: the server's own default then counts. */
  before?: string;
  after?: string;
  needs: 'reload' | 'restart';
}

/** Whether a change of this parameter needs a restart. Names of libraries unknown here are read at a reload at the latest. */
export function neededBy(name: string): 'reload' | 'restart' {
  return parameterCatalog().get(name)?.context === 'postmaster' ? 'restart' : 'reload';
}

/** The parameters whose meaning differs, sorted by name; 1GB and 1024MB do not differ. */
export function parameterChanges(before: Parameters, after: Parameters): ParameterChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (sameValue(parameterCatalog().get(name), was, is)) return [];
    return [
      {
        name,
        ...(was === undefined ? {} : { before: was }),
        ...(is === undefined ? {} : { after: is }),
        needs: neededBy(name),
      },
    ];
  });
}
