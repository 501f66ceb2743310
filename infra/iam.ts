/** The form of IAM's policy documents. What stands in them is for those who declare the roles. Pure. */

export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Principal?: '*' | { AWS?: string; Service?: string; Federated?: string };
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: readonly Statement[];
}

export const policy = (...statements: Statement[]): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: statements,
});

/** Who may take on a role. Such a policy has no resource: it is about the role that it is attached to. */
export function trustPolicy(statement: Omit<Statement, 'Resource'>): PolicyDocument {
  return { Version: '2012-10-17', Statement: [statement as Statement] };
}
