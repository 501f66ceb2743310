/** What a plan says: which index serves it, and its lines for people. */

/** The parts of a node of EXPLAIN (FORMAT JSON) that are used here. */
export interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Relation Name'?: string;
  'Actual Rows'?: number;
  'Actual Total Time'?: number;
  'Plan Rows'?: number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

const FIELDS = [
  'Node Type',
  'Index Name',
  'Relation Name',
  'Plan Rows',
  'Actual Rows',
  'Actual Total Time',
  'Shared Hit Blocks',
  'Shared Read Blocks',
  'Rows Removed by Filter',
] as const;

/** Only the known fields: the others of a plan ("Sort Key", "Order By") repeat the query embedding. */
export function withoutValues(node: PlanNode): PlanNode {
  const kept = Object.fromEntries(
    FIELDS.filter((field) => node[field] !== undefined).map((field) => [field, node[field]]),
  );
  const plans = node.Plans === undefined ? {} : { Plans: node.Plans.map(withoutValues) };
  return { ...kept, ...plans } as PlanNode;
}

/**
 * The index that the order by distance comes from: the leftmost leaf, as long as nothing above it sorts. A sort above another
 * LIMIT only reranks rows that were chosen below it, so the order asked about is the one under the lowest LIMIT.
 * @returns null for an exact scan: every row is compared and the nearest are sorted out
 */
export function servingIndex(node: PlanNode): string | null {
  const path = [node];
  for (let next = node.Plans?.[0]; next !== undefined; next = next.Plans?.[0]) path.push(next);
  const below = path.slice(path.findLastIndex((each) => each['Node Type'] === 'Limit') + 1);
  if (below.some((each) => each['Node Type'] === 'Sort' || each['Node Type'] === 'Incremental Sort')) return null;
  const leaf = below.at(-1);
  return leaf?.['Node Type'].startsWith('Index') === true ? (leaf['Index Name'] ?? null) : null;
}

/** One line a node, indented. */
export function planLines(node: PlanNode, depth = 0): string[] {
  const target = node['Index Name'] ?? node['Relation Name'];
  const facts = [
    node['Actual Rows'] === undefined ? undefined : `${node['Actual Rows']} rows`,
    node['Rows Removed by Filter'] === undefined ? undefined : `${node['Rows Removed by Filter']} filtered out`,
    node['Actual Total Time'] === undefined ? undefined : `${node['Actual Total Time'].toFixed(2)} ms`,
    node['Shared Hit Blocks'] === undefined ? undefined : `${node['Shared Hit Blocks']} blocks from cache`,
    node['Shared Read Blocks'] === undefined ? undefined : `${node['Shared Read Blocks']} read`,
  ].filter((fact) => fact !== undefined);
  const line = `${'  '.repeat(depth)}${node['Node Type']}${target === undefined ? '' : ` on ${target}`}`;
  return [
    facts.length === 0 ? line : `${line} (${facts.join(', ')})`,
    ...(node.Plans ?? []).flatMap((child) => planLines(child, depth + 1)),
  ];
}
