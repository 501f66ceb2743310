/**
 * A small evaluator of IAM policies: explicit deny, allow, wildcards, and the condition operators that this program uses. Any
 * other operator, and an action without a service, is an error rather than a guess. It does not know resource types of
 * actions: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
 */
import type { PolicyDocument, Statement } from '../../infra/iam';

export interface Request {
  action: string;
  resource: string;
  /** Condition keys of the request; an absent one is not in the request's context. */
  context?: Readonly<Record<string, string | readonly string[]>>;
}

export type Decision = 'allowed' | 'denied' | 'not allowed';

/** What the policies together say of a request. */
export function simulate(policies: readonly PolicyDocument[], request: Request): Decision {
  if (!/^[a-z0-9-]+:[A-Za-z]+$/.test(request.action)) throw new Error(`"${request.action}" is no action`);
  const applying = policies.flatMap(({ Statement }) => Statement).filter((statement) => applies(statement, request));
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'denied';
  return applying.some(({ Effect }) => Effect === 'Allow') ? 'allowed' : 'not allowed';
}

function applies(statement: Statement, { action, resource, context = {} }: Request): boolean {
  return (
    list(statement.Action).some((pattern) => like(pattern, action, 'i')) &&
    list(statement.Resource).some((pattern) => like(pattern, resource)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) =>
      Object.entries(tests).every(([key, wanted]) => holds(operator, context[key], list(wanted))),
    )
  );
}

/** One line of a condition block: true when the request's values satisfy one of the wanted. */
function holds(operator: string, given: string | readonly string[] | undefined, wanted: readonly string[]): boolean {
  const values = given === undefined ? undefined : list(given);
  const any = (test: (value: string, want: string) => boolean): boolean =>
    values?.some((value) => wanted.some((want) => test(value, want))) ?? false;
  switch (operator) {
    case 'StringEquals':
      return any((value, want) => value === want);
    case 'StringLike':
    case 'ArnLike':
    case 'ArnEquals':
      return any((value, want) => like(want, value));
    case 'StringNotEqualsIfExists':
      return values === undefined || values.every((value) => !wanted.includes(value));
    case 'ForAllValues:StringEquals':
      // True of an empty set too: why policies that rely on it also ask for Null.
      return (values ?? []).every((value) => wanted.includes(value));
    case 'Bool':
      return any((value, want) => value === want);
    case 'NumericLessThan':
      return any((value, want) => Number(value) < Number(want));
    case 'Null':
      return wanted.includes(String(values === undefined || values.length === 0));
    default:
      throw new Error(`the simulator does not know the condition operator ${operator}`);
  }
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

/** A pattern with `*` and `?`, over the whole text. */
function like(pattern: string, text: string, flags = ''): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, flags).test(text);
}
