/**
 * What `pulumi preview --json` printed, in either of its two forms, as one list of changes: the digest (one object), and the
 * stream of events (one a line, with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true). Only the stream names resources that do not
 * change, the stack's outputs and the verdicts of policies.
 */
import { UsageError } from '../errors';
import { maskText } from './mask';

/** What a preview would do with one resource; the several steps of a replacement are one. */
export type Operation = 'create' | 'update' | 'replace' | 'delete' | 'import' | 'read' | 'same';

export type Inputs = Readonly<Record<string, unknown>>;

/** One resource as it was, or as it is to be. */
export interface ResourceSide {
  inputs: Inputs;
  outputs: Inputs;
  protect: boolean;
  /** Leaves the stack without being deleted. */
  retainOnDelete: boolean;
}

export interface Change {
  operation: Operation;
  urn: string;
  type: string;
  /** Logical name: the last part of the URN. */
  name: string;
  before?: ResourceSide;
  after?: ResourceSide;
  /** Paths of the properties that differ. */
  properties: string[];
  /** Those of them that make the provider replace the resource. */
  replacedBy: string[];
}

export interface PolicyVerdict {
  policy: string;
  /** Logical name of the resource; absent for the stack as a whole. */
  resource?: string;
  message: string;
  level: 'mandatory' | 'advisory';
}

export interface Preview {
  form: 'digest' | 'stream';
  stack: string;
  /** Configuration of the stack: full key to text. */
  config: Readonly<Record<string, string>>;
  /** Everything that the preview named, resources that stay the same included where the form names them. */
  resources: Change[];
  /** Number of resources by the engine's own words, such as "same" and "create". */
  counts: Readonly<Record<string, number>>;
  /** Outputs of the stack; absent where the form does not tell them. */
  outputsBefore?: Inputs;
  outputsAfter?: Inputs;
  /** What the engine or the program called an error; masked. */
  errors: string[];
  warnings: string[];
  policies: PolicyVerdict[];
  /** False where the preview failed: then changes may be missing. */
  complete: boolean;
}

const STACK_TYPE = 'pulumi:pulumi:Stack';

type Json = Record<string, unknown>;

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * @param input what the CLI printed on standard output; lines that are no JSON (warnings of the CLI) are passed over
 * @throws UsageError where it is neither form of a preview
 */
export function parsePreview(input: string): Preview {
  const trimmed = input.trim();
  if (trimmed === '') throw new UsageError('the preview is empty', { next: HOW });
  const digest = parseJson(trimmed) ?? parseJson(trimmed.slice(Math.max(0, trimmed.search(/^\{/m))));
  if (digest !== undefined && !isEvent(digest)) return fromDigest(digest);
  const lines = trimmed.split('\n').filter((line) => line.startsWith('{'));
  const events = lines.map((line) => parseJson(line)).filter((event) => event !== undefined);
  if (events.length === 0 || !events.some(isEvent)) {
    throw new UsageError('this is no preview in JSON', {
      allowed: 'what pulumi preview --json prints, as one object or as a stream of events',
      next: HOW,
    });
  }
  return fromEvents(events);
}

const HOW = 'PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true npm run --silent preview -- --json >preview.json';

function parseJson(line: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(value: Json): boolean {
  return 'sequence' in value || Object.keys(value).some((key) => key.endsWith('Event'));
}

function side(state: unknown): ResourceSide | undefined {
  if (state === undefined || state === null) return undefined;
  const { inputs, outputs, protect, retainOnDelete } = object(state);
  return {
    inputs: object(inputs),
    outputs: object(outputs),
    protect: protect === true,
    retainOnDelete: retainOnDelete === true,
  };
}

interface Step {
  op: string;
  urn: string;
  before: ResourceSide | undefined;
  after: ResourceSide | undefined;
  detailed: Json;
  diffs: unknown;
  keys: unknown;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  same: 'same',
  create: 'create',
  update: 'update',
  delete: 'delete',
  replace: 'replace',
  'create-replacement': 'replace',
  'delete-replaced': 'replace',
  'discard-replaced': 'replace',
  'remove-pending-replace': 'replace',
  'read-replacement': 'replace',
  'import-replacement': 'replace',
  import: 'import',
  read: 'read',
};

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** Joins the steps of each resource; the order of the first ones stays. */
function changesOf(steps: readonly Step[]): Change[] {
  const found = new Map<string, Change>();
  for (const { op, urn, before, after, detailed, diffs, keys } of steps) {
    const operation = OPERATIONS[op] ?? 'update';
    const properties = Object.keys(detailed).length > 0 ? Object.keys(detailed) : strings(diffs);
    const replacing = Object.entries(detailed)
      .filter(([, diff]) => text(object(diff)['kind'] ?? object(diff)['diffKind']).endsWith('-replace'))
      .map(([path]) => path);
    const replacedBy = operation === 'replace' ? [...replacing, ...strings(keys)] : [];
    const known = found.get(urn);
    const parts = urn.split('::');
    found.set(urn, {
      operation: known === undefined || operation === 'replace' ? operation : known.operation,
      urn,
      type: parts[2]?.split('$').pop() ?? '',
      name: parts.slice(3).join('::'),
      ...optional('before', before ?? known?.before),
      ...optional('after', after ?? known?.after),
      properties: [...new Set([...(known?.properties ?? []), ...properties])].sort(),
      replacedBy: [...new Set([...(known?.replacedBy ?? []), ...replacedBy])].sort(),
    });
  }
  return [...found.values()];
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function stackNamed(urns: readonly string[]): string {
  return /^urn:pulumi:([^:]+)::/.exec(urns[0] ?? '')?.[1] ?? '';
}

function configOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(object(value)).map(([key, entry]) => [key, text(entry)]));
}

function countsOf(value: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(object(value)).filter(([, count]) => typeof count === 'number')) as Record<
    string,
    number
  >;
}

/** Messages of one severity, the engine's own chatter about where its plugins come from left out. */
function messages(diagnostics: readonly Json[], severity: string): string[] {
  const said = diagnostics
    .filter((diagnostic) => diagnostic['severity'] === severity)
    .map(({ message }) =>
      maskText(text(message))
        .replace(/^(error|warning): /, '')
        .trim(),
    )
    .filter((message) => message !== '' && !/^using pulumi-\S+ from \$PATH/.test(message));
  return [...new Set(said)];
}

function assemble(
  form: Preview['form'],
  steps: readonly Step[],
  diagnostics: readonly Json[],
  rest: Pick<Preview, 'config' | 'counts' | 'policies' | 'complete'> & { outputsAfter?: Inputs },
): Preview {
  const all = changesOf(steps);
  const stack = all.find(({ type }) => type === STACK_TYPE);
  return {
    form,
    stack: stackNamed(all.map(({ urn }) => urn)),
    resources: all.filter(({ type }) => type !== STACK_TYPE),
    ...optional('outputsBefore', stack?.before?.outputs),
    errors: messages(diagnostics, 'error'),
    warnings: messages(diagnostics, 'warning'),
    ...rest,
  };
}

function fromDigest(digest: Json): Preview {
  if (!('steps' in digest) && !('changeSummary' in digest) && !('diagnostics' in digest)) {
    throw new UsageError('this JSON is no preview: it has neither steps nor events', { next: HOW });
  }
  const steps = (Array.isArray(digest['steps']) ? digest['steps'] : []).map(object).map((step): Step => ({
    op: text(step['op']),
    urn: text(step['urn']),
    before: side(step['oldState']),
    after: side(step['newState']),
    detailed: object(step['detailedDiff']),
    diffs: step['diffReasons'],
    keys: step['replaceReasons'],
  }));
  const diagnostics = (Array.isArray(digest['diagnostics']) ? digest['diagnostics'] : []).map(object);
  return assemble('digest', steps, diagnostics, {
    config: configOf(digest['config']),
    counts: countsOf(digest['changeSummary']),
    policies: [],
    complete: !diagnostics.some(({ severity }) => severity === 'error'),
  });
}

function verdict(event: Json): PolicyVerdict {
  const urn = text(event['resourceUrn']);
  const name = urn.split('::').slice(3).join('::');
  return {
    policy: text(event['policyName']),
    ...(name === '' || urn.includes(`::${STACK_TYPE}::`) ? {} : { resource: name }),
    message: maskText(text(event['message'])).trim(),
    level: event['enforcementLevel'] === 'mandatory' ? 'mandatory' : 'advisory',
  };
}

function fromEvents(events: readonly Json[]): Preview {
  const of = (kind: string): Json[] => events.filter((event) => kind in event).map((event) => object(event[kind]));
  const steps = of('resourcePreEvent')
    .map((event) => object(event['metadata']))
    .map((metadata): Step => ({
      op: text(metadata['op']),
      urn: text(metadata['urn']),
      before: side(metadata['old']),
      after: side(metadata['new']),
      detailed: object(metadata['detailedDiff']),
      diffs: metadata['diffs'],
      keys: metadata['keys'],
    }));
  const stacks = of('resOutputsEvent')
    .map((event) => object(event['metadata']))
    .filter(({ type }) => type === STACK_TYPE);
  const after = side(stacks.at(-1)?.['new'])?.outputs;
  const summary = of('summaryEvent').at(-1);
  return assemble('stream', steps, of('diagnosticEvent'), {
    config: configOf(of('preludeEvent')[0]?.['config']),
    counts: countsOf(summary?.['resourceChanges']),
    policies: of('policyEvent').map(verdict),
    complete: summary?.['result'] === 'succeeded',
    ...optional('outputsAfter', after),
  });
}
