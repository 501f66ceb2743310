/**
 * What only an account can prove of a stack of tier ec2, as checks that run after `up` of a throwaway stack. Each says what it
 * proves; what it saw is the evidence.
 */
import { HOST_STATUS_FILE } from '../../postgres/hostPaths';
import { STANZA } from '../../postgres/pgbackrest';
import { messageOf } from '../errors';
import type { CommandRunner, Database } from '../ports';

/** A disk of the stack as EC2 shows it. */
export interface SeenVolume {
  id: string;
  encrypted: boolean;
  type: string;
}

/** What is asked of the account; one implementation asks AWS. */
export interface AccountView {
  /** Instance that SSM knows, and whether its agent answers. */
  host(): Promise<{ instanceId: string; online: boolean; agentVersion: string }>;
  volumes(): Promise<readonly SeenVolume[]>;
  /** Sources that the security groups of the stack let in, as "PORT from SOURCE". */
  inbound(): Promise<readonly string[]>;
  /** Metadata service of the instance: whether a token is needed. */
  metadataToken(): Promise<'required' | 'optional'>;
  /** Names of objects in the backup bucket below a prefix, at most some. */
  backupObjects(prefix: string): Promise<readonly string[]>;
  /** Whether the bucket refuses what is not public access, all four settings of it. */
  bucketPrivate(): Promise<boolean>;
}

export interface AcceptanceInput {
  account: AccountView;
  /** Programs on the host, as root. */
  root: CommandRunner;
  /** Programs on the host, as the server's user. */
  postgres: CommandRunner;
  database: Database;
  /** Opens TLS to the server, verified in full; resolves to the protocol. */
  verifiedTls: () => Promise<string>;
  /** Opens the server's port without TLS; resolves to whether the server refused. */
  clearTextRefused: () => Promise<boolean>;
  /** Sources that the settings let in. */
  allowedSources: number;
  stack: string;
}

export interface Check {
  name: string;
  proves: string;
  /** @returns what was seen; throws where it is not as it must be */
  run: (input: AcceptanceInput) => Promise<string>;
}

export interface CheckResult {
  name: string;
  proves: string;
  passed: boolean;
  saw: string;
}

function must(condition: boolean, saw: string): string {
  if (!condition) throw new Error(saw);
  return saw;
}

async function said(runner: CommandRunner, file: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runner.run(file, args, { timeoutMs: 10 * 60_000 });
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return stdout.trim();
}

export const CHECKS: readonly Check[] = [
  {
    name: 'host online',
    proves: 'the instance starts, finds its way out, and its agent has the rights it needs',
    run: async ({ account }: AcceptanceInput): Promise<string> => {
      const { instanceId, online, agentVersion } = await account.host();
      return must(online, `${instanceId}, agent ${agentVersion}, ${online ? 'online' : 'not online'}`);
    },
  },
  {
    name: 'setup done',
    proves: 'the user data works on the real image: volume, packages, TLS, roles and backups',
    run: async ({ root }: AcceptanceInput): Promise<string> => {
      const status = await said(root, 'cat', [HOST_STATUS_FILE]);
      return must(/^state=ready$/m.test(status), status.replaceAll('\n', ' '));
    },
  },
  {
    name: 'disks encrypted',
    proves: 'KMS gives EC2 the key for both disks',
    run: async ({ account }: AcceptanceInput): Promise<string> => {
      const volumes = await account.volumes();
      const seen = volumes.map(
        ({ id, encrypted, type }) => `${id} ${type} ${encrypted ? 'encrypted' : 'NOT encrypted'}`,
      );
      return must(volumes.length >= 2 && volumes.every(({ encrypted }) => encrypted), seen.join(', ') || 'no disk');
    },
  },
  {
    name: 'nobody let in',
    proves: 'the security groups are as declared: no source besides those of the settings',
    run: async ({ account, allowedSources }: AcceptanceInput): Promise<string> => {
      const inbound = await account.inbound();
      return must(inbound.length <= allowedSources, inbound.length === 0 ? 'no inbound rule' : inbound.join(', '));
    },
  },
  {
    name: 'metadata by token',
    proves: 'IMDSv1 is off: a request that is forged through the server gets no credentials',
    run: async ({ account }: AcceptanceInput): Promise<string> => {
      const tokens = await account.metadataToken();
      return must(tokens === 'required', `tokens ${tokens}`);
    },
  },
  {
    name: 'TLS verified',
    proves: 'the certificate that the host made is the one that its published authority vouches for',
    run: async ({ verifiedTls }: AcceptanceInput): Promise<string> => verifiedTls(),
  },
  {
    name: 'clear text refused',
    proves: 'pg_hba.conf lets in nobody without TLS',
    run: async ({ clearTextRefused }: AcceptanceInput): Promise<string> => {
      const refused = await clearTextRefused();
      return must(refused, refused ? 'refused' : 'a session in clear was opened');
    },
  },
  {
    name: 'database usable',
    proves: 'roles, secrets, migrations and indexes came through the session',
    run: async ({ database }: AcceptanceInput): Promise<string> => {
      const session = await database.connect();
      try {
        const { rows } = await session.query<{ name: string; invalid: number }>(
          'SELECT current_user::text AS name, (SELECT pg_catalog.count(*)::integer FROM pg_catalog.pg_index WHERE NOT indisvalid) AS invalid',
        );
        const { name = '', invalid = -1 } = rows[0] ?? {};
        return must(invalid === 0, `logged in as ${name}; ${invalid} invalid indexes`);
      } finally {
        await session.close();
      }
    },
  },
  {
    name: 'backup lands in the bucket',
    proves: "the host's rights on bucket and key are enough to archive WAL and to back up",
    run: async ({ postgres, account, stack }: AcceptanceInput): Promise<string> => {
      await said(postgres, 'pgbackrest', [`--stanza=${STANZA}`, 'check']);
      await said(postgres, 'pgbackrest', [`--stanza=${STANZA}`, '--type=full', 'backup']);
      const objects = await account.backupObjects(`${stack}/backup/`);
      return must(
        objects.length > 0,
        objects.length > 0 ? `${objects.length} objects, such as ${objects[0] ?? ''}` : 'no object',
      );
    },
  },
  {
    name: 'bucket private',
    proves: 'public access is blocked in all four ways',
    run: async ({ account }: AcceptanceInput): Promise<string> => {
      const blocked = await account.bucketPrivate();
      return must(blocked, blocked ? 'blocked' : 'NOT blocked');
    },
  },
];

/**
 * Runs every check, one after the other; a failed one stops none.
 * @param told each result as it comes
 */
export async function runChecks(
  input: AcceptanceInput,
  told: (result: CheckResult) => void,
  checks: readonly Check[] = CHECKS,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, proves, run } of checks) {
    const result = await run(input).then(
      (saw): CheckResult => ({ name, proves, passed: true, saw }),
      (error: unknown): CheckResult => ({ name, proves, passed: false, saw: messageOf(error) }),
    );
    results.push(result);
    told(result);
  }
  return results;
}
