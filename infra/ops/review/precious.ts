/** What holds data that nothing else in the stack can give back, and what is lost with it. Types and names only. */

export type PreciousKind = 'volume' | 'database' | 'bucket' | 'key' | 'backup repository';

export interface Precious {
  kind: PreciousKind;
  /** What is gone when it is deleted or replaced. */
  loses: string;
}

const BY_TYPE: Readonly<Record<string, Precious>> = {
  'aws:ebs/volume:Volume': { kind: 'volume', loses: 'the volume and everything on it' },
  'aws:s3/bucket:Bucket': { kind: 'bucket', loses: 'every backup and all WAL in the bucket' },
  'aws:s3/bucketV2:BucketV2': { kind: 'bucket', loses: 'every backup and all WAL in the bucket' },
  'aws:backup/vault:Vault': { kind: 'backup repository', loses: 'every backup in the vault' },
  'aws:kms/key:Key': { kind: 'key', loses: 'whatever the key encrypted: disks, backups and secrets become unreadable' },
  'aws:secretsmanager/secret:Secret': { kind: 'key', loses: 'the secret, and with it what only it opens' },
  'aws:rds/cluster:Cluster': { kind: 'database', loses: 'the database cluster and its automatic backups' },
  'aws:rds/instance:Instance': { kind: 'database', loses: 'the database and its automatic backups' },
  'aws:rds/globalCluster:GlobalCluster': { kind: 'database', loses: 'the global database' },
  'postgresql:index/database:Database': { kind: 'database', loses: 'the database with all its tables' },
  'postgresql:index/schema:Schema': { kind: 'database', loses: 'the schema with all its tables' },
  'postgresql:index/extension:Extension': {
    kind: 'database',
    loses: 'every column and index of the types that the extension brings',
  },
};

const PASSWORD = 'random:index/randomPassword:RandomPassword';
const COMMANDS = ['command:local:Command', 'command:remote:Command'];

/** Every type of which some resource may hold data. */
export const PRECIOUS_TYPES: readonly string[] = [...Object.keys(BY_TYPE), PASSWORD, ...COMMANDS];

/** The names by which the commands of this project destroy what they made. */
const DESTROYS: readonly (readonly [RegExp, Precious])[] = [
  [/\bserver destroy\b/, { kind: 'database', loses: 'the server on this machine with its data folder' }],
  [/\b(repository|backup) destroy\b/, { kind: 'backup repository', loses: 'the backup repository on this machine' }],
];

/**
 * What a resource holds; undefined where its deletion loses no data.
 * @param type type token
 * @param name logical name
 * @param inputs of the resource; a command says by its `delete` what it takes away
 */
export function preciousOf(
  type: string,
  name: string,
  inputs: Readonly<Record<string, unknown>> | undefined,
): Precious | undefined {
  const known = BY_TYPE[type];
  if (known !== undefined) return known;
  // Another passphrase makes every backup there is unreadable; other passwords are only handed out anew.
  if (type === PASSWORD && /repository|passphrase/.test(name)) {
    return { kind: 'key', loses: 'the passphrase of the backups: every backup so far becomes unreadable' };
  }
  if (COMMANDS.includes(type)) {
    const command = inputs?.['delete'];
    if (typeof command === 'string') return DESTROYS.find(([pattern]) => pattern.test(command))?.[1];
  }
  return undefined;
}
