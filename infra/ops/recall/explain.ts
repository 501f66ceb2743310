/** The part of EXPLAIN (FORMAT JSON) that says which indexes a plan reads. Pure. */
export interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  Plans?: PlanNode[];
}

/** Names of all indexes that a plan scans, from the top down. */
export function indexesOf(node: PlanNode): string[] {
  const own = node['Index Name'] === undefined ? [] : [node['Index Name']];
  return [...own, ...(node.Plans ?? []).flatMap(indexesOf)];
}
