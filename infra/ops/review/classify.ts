/** How dangerous each change is, and why, in words that need no knowledge of the engine. */
import type { CapacityPlan } from '../../capacity/plan';
import { formatSeconds } from '../../capacity/units';
import { neededBy, type ParameterChange } from '../../postgres/change';
import { changedParameters } from './configuration';
import { isNewDatabase, pendingMigrations, type MigrationText, type PendingMigration } from './migrations';
import { preciousOf, type Precious } from './precious';
import type { Change, Preview } from './preview';
import { carriesIndexes, rebuildsOf, type IndexRebuild } from './rebuilds';
import { jsonOf, numberOf, propertyText, textOf, valueAt } from './values';

/** From the least to the worst. */
export const RISKS = ['safe', 'slow', 'restart', 'replaces', 'loses data'] as const;
export type Risk = (typeof RISKS)[number];

export interface JudgedChange extends Change {
  risk: Risk;
  /** One sentence. */
  reason: string;
  /** What is lost, where the gate must be asked. */
  precious?: Precious;
  parameters: ParameterChange[];
  rebuilds: IndexRebuild[];
  migrations: PendingMigration[];
  /** The properties that differ, each with its values where they are short and no secret. */
  details: string[];
}

interface Verdict {
  risk: Risk;
  reason: string;
}

export interface Knowledge {
  /** Plan of the changed stack. */
  plan?: CapacityPlan | undefined;
  /** The checkout's migrations. */
  migrations: readonly MigrationText[];
}

const safe = (reason: string): Verdict => ({ risk: 'safe', reason });

/** The worse of two; their reasons one after the other. */
function worse(verdicts: readonly Verdict[]): Verdict | undefined {
  if (verdicts.length === 0) return undefined;
  const sorted = [...verdicts].sort((a, b) => RISKS.indexOf(b.risk) - RISKS.indexOf(a.risk));
  return { risk: sorted[0]?.risk ?? 'safe', reason: [...new Set(sorted.map(({ reason }) => reason))].join('; ') };
}

/** Judges every change of a preview; what stays the same is left out. */
export function judgeChanges(preview: Preview, knowledge: Knowledge): JudgedChange[] {
  const fresh = isNewDatabase(preview);
  return preview.resources
    .filter(({ operation }) => operation !== 'same' && operation !== 'read')
    .map((change) => judgeChange(change, knowledge, fresh));
}

function judgeChange(change: Change, knowledge: Knowledge, freshDatabase: boolean): JudgedChange {
  const parameters = changedParameters(change);
  const rebuilds = rebuildsOf(change, knowledge.plan);
  const migrations = pendingMigrations(change, knowledge.migrations);
  const taken = preciousOf(change.type, change.name, change.before?.inputs);
  const goes = change.operation === 'delete' || change.operation === 'replace';
  const stays = change.operation === 'delete' && change.before?.retainOnDelete === true;
  const lost =
    stays && taken !== undefined
      ? {
          ...taken,
          loses: `the stack's hold on ${taken.loses.replace(/[,:;].*$/, '')} (retainOnDelete leaves it in the account)`,
        }
      : taken;
  const precious = goes ? lost : undefined;
  const { risk, reason } =
    worse([
      ...goneVerdict(change, taken, stays),
      ...migrationVerdicts(migrations, freshDatabase),
      ...rebuilds.map(rebuildVerdict),
      ...parameterVerdicts(parameters),
      ...(change.operation === 'update' ? updateVerdicts(change) : []),
    ]) ?? plainVerdict(change, parameters);
  return {
    ...change,
    risk,
    reason,
    ...(precious === undefined ? {} : { precious }),
    parameters,
    rebuilds,
    migrations: freshDatabase ? migrations.map((each) => ({ ...each, destructive: [] })) : migrations,
    details: change.properties.map((path) => propertyText(path, change.before?.inputs, change.after?.inputs)),
  };
}

function because(change: Change): string {
  return change.replacedBy.length === 0 ? '' : ` (${change.replacedBy.join(', ')} cannot change in place)`;
}

function goneVerdict(change: Change, precious: Precious | undefined, stays: boolean): Verdict[] {
  const { operation, type } = change;
  if (operation !== 'delete' && operation !== 'replace') return [];
  const verb = operation === 'delete' ? 'is deleted' : `is replaced${because(change)}`;
  if (stays && precious !== undefined) {
    return [{ risk: 'replaces', reason: 'leaves the stack but stays in the account (retainOnDelete)' }];
  }
  if (precious !== undefined) return [{ risk: 'loses data', reason: `${verb}; lost is ${precious.loses}` }];
  const known = REPLACED[type];
  return [{ risk: 'replaces', reason: known === undefined ? verb : `${verb}: ${known}` }];
}

/** What the deletion or replacement of a resource means to those who use the database. */
const REPLACED: Readonly<Record<string, string>> = {
  'aws:ec2/instance:Instance': 'the server is down until the new host has set itself up; data and address stay',
  'aws:ec2/networkInterface:NetworkInterface': 'the host gets another address, and clients must be told',
  'aws:ec2/volumeAttachment:VolumeAttachment': 'the server stops while the volume moves',
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': 'who connects by this rule loses access',
  'aws:ec2/securityGroup:SecurityGroup': 'connections break until the new group is attached',
  'aws:ec2/subnet:Subnet': 'everything in the subnet must move first',
  'aws:ec2/vpc:Vpc': 'everything in the network must move first',
  'aws:dlm/lifecyclePolicy:LifecyclePolicy': 'no snapshots are taken in between',
  'aws:iam/role:Role': 'who works by this role has no rights in between',
  'random:index/randomPassword:RandomPassword': 'a new password is made; programs must read it again',
  'random:index/randomBytes:RandomBytes': 'a new salt is made, and with it a new verifier of the password',
  'postgresql:index/role:Role': 'sessions of the role end, and what it owns must be handed over first',
};

function migrationVerdicts(migrations: readonly PendingMigration[], fresh: boolean): Verdict[] {
  return migrations.map(({ file, destructive, unjudged }): Verdict => {
    if (fresh) return safe(`${file} is applied to a new database`);
    if (destructive === undefined)
      return { risk: 'loses data', reason: `${file} could not be judged: ${unjudged ?? 'unknown'}` };
    if (destructive.length === 0)
      return { risk: 'slow', reason: `${file} is applied and takes locks for as long as it runs` };
    return { risk: 'loses data', reason: `${file} drops ${destructive.map(({ what }) => what).join(', ')}` };
  });
}

function rebuildVerdict({ index, why, estimatedSeconds }: IndexRebuild): Verdict {
  const time =
    estimatedSeconds === undefined ? 'for a time that is not known' : `about ${formatSeconds(estimatedSeconds)}`;
  return { risk: 'slow', reason: `${index} is built, ${time} (${why}); the old one serves until then` };
}

function parameterVerdicts(parameters: readonly ParameterChange[]): Verdict[] {
  const restarting = parameters.filter(({ needs }) => needs === 'restart').map(({ name }) => name);
  if (restarting.length > 0) return [{ risk: 'restart', reason: `PostgreSQL restarts for ${restarting.join(', ')}` }];
  return [];
}

type Rule = (change: Change) => Verdict | undefined;

/** What an update in place means, by type; without a rule it is safe. */
const UPDATES: Readonly<Record<string, readonly Rule[]>> = {
  'aws:ebs/volume:Volume': [volumeUpdate],
  'aws:ec2/instance:Instance': [instanceUpdate],
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': [retentionUpdate],
  'command:local:Command': [commandUpdate],
  'aws:rds/clusterInstance:ClusterInstance': [
    (change) =>
      change.properties.includes('instanceClass')
        ? { risk: 'restart', reason: 'Aurora fails over and restarts the instance for its new class' }
        : undefined,
  ],
};

function updateVerdicts(change: Change): Verdict[] {
  const unprotected =
    change.before?.protect === true && change.after?.protect === false ? [safe('its protection is taken away')] : [];
  const rules = UPDATES[change.type] ?? [];
  return [...rules.map((rule) => rule(change)).filter((verdict) => verdict !== undefined), ...unprotected];
}

function volumeUpdate({ properties, before, after }: Change): Verdict | undefined {
  const [was, is] = [numberOf(before?.inputs, 'size'), numberOf(after?.inputs, 'size')];
  if (was !== undefined && is !== undefined && is < was) {
    return { risk: 'loses data', reason: `a volume cannot shrink from ${was} to ${is} GiB: AWS refuses it` };
  }
  return properties.some((path) => ['size', 'iops', 'throughput', 'type'].includes(path))
    ? {
        risk: 'slow',
        reason:
          'the volume changes while it is in use, for up to a day at lower speed; no other change of it for 6 hours',
      }
    : undefined;
}

function instanceUpdate({ properties }: Change): Verdict | undefined {
  const stopping = properties.filter((path) =>
    /^(instanceType|userData|userDataBase64|ebsOptimized|cpuOptions)/.test(path),
  );
  return stopping.length > 0
    ? {
        risk: 'restart',
        reason: `the host is stopped and started for ${stopping.join(', ')}: some minutes without a server`,
      }
    : undefined;
}

function retentionUpdate({ properties, before, after }: Change): Verdict | undefined {
  const paths = properties.filter((path) => /days$/i.test(path));
  const shorter = paths.filter((path) => Number(valueAt(after?.inputs, path)) < Number(valueAt(before?.inputs, path)));
  return shorter.length > 0
    ? {
        risk: 'loses data',
        reason: 'backups are kept for fewer days: deleted and overwritten objects older than that go',
      }
    : undefined;
}

function commandUpdate(change: Change): Verdict | undefined {
  const run = textOf(change.after?.inputs, 'update') ?? textOf(change.after?.inputs, 'create') ?? '';
  const [was, is] = [jsonOf(change.before?.inputs, 'stdin'), jsonOf(change.after?.inputs, 'stdin')];
  if (was === undefined || is === undefined) return undefined;
  const differs = (key: string): boolean => JSON.stringify(was[key]) !== JSON.stringify(is[key]);
  if (/\bserver apply\b/.test(run)) {
    if (differs('generation')) return { risk: 'restart', reason: 'the server was found down and is started again' };
    const moved = ['source', 'osUser', 'dataDir'].filter(differs);
    return moved.length > 0 ? { risk: 'restart', reason: `the server restarts for ${moved.join(', ')}` } : undefined;
  }
  if (/\bserver reserve\b/.test(run)) return { risk: 'restart', reason: 'the server gets another port' };
  return undefined;
}

function plainVerdict(change: Change, parameters: readonly ParameterChange[]): Verdict {
  switch (change.operation) {
    case 'create':
      return safe('is made');
    case 'import':
      return safe('is taken into the stack as it is');
    default:
      break;
  }
  if (parameters.length > 0 && parameters.every(({ name }) => neededBy(name) === 'reload')) {
    return safe(`PostgreSQL reads ${parameters.map(({ name }) => name).join(', ')} without a restart`);
  }
  if (carriesIndexes(change)) return safe('no index is built anew');
  return safe('changes in place');
}
