/** What a plan says: which indexes serve it, and its lines for people. */

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

/** Names of all indexes in a plan, from the top down. */
export function indexesOf(node: PlanNode): string[] {
  const own = node['Index Name'] === undefined ? [] : [node['Index Name']];
  return [...new Set([...own, ...(node.Plans ?? []).flatMap(indexesOf)])];
}

/**
 * The index that the order by distance comes from: the leftmost leaf, as long as nothing above it sorts.
 * @returns null for an exact scan: every row is compared and the nearest are sorted out
 */
export function servingIndex(node: PlanNode): string | null {
  if (node['Node Type'] === 'Sort' || node['Node Type'] === 'Incremental Sort') return null;
  const first = node.Plans?.[0];
  if (first !== undefined) return servingIndex(first);
  return node['Node Type'].startsWith('Index') ? (node['Index Name'] ?? null) : null;
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
