/** Rules of the stack as a whole: what is protected, tagged, and kept out of the state. */
import { PRECIOUS_TYPES, preciousOf } from '../../ops/review/precious';
import { TAGS } from '../../naming';
import { looksSecret } from './secrets';
import type { Rule, StackFacts, Subject } from './types';
import { isMissing, items, parsed, record, text } from './values';

const STACK_TYPE = 'pulumi:pulumi:Stack';
const GATE_URL = 'https://www.pulumi.com/docs/iac/concepts/resources/options/protect/';

function isNamed({ allowDestroy }: StackFacts, name: string, urn: string): boolean {
  return allowDestroy.some((entry) => entry === name || entry === urn);
}

/** Tags that AWS resources of ours carry. */
const NEEDED_TAGS = [TAGS.project, TAGS.stack, TAGS.owner, TAGS.managedBy];

function taggable({ type, inputs }: Subject): boolean {
  return type.startsWith('aws:') && inputs['tags'] !== undefined;
}

/** Types that take tags, and so must have them: those of this program. Others are judged where they have any. */
const TAGGED =
  /^aws:(ec2\/(vpc|subnet|instance|eip|natGateway|internetGateway|routeTable|securityGroup|networkInterface|vpcEndpoint|launchTemplate)|ebs\/volume|kms\/key|s3\/bucket(V2)?|secretsmanager\/secret|iam\/role|lambda\/function|sns\/topic|sqs\/queue|cloudwatch\/(logGroup|metricAlarm)|rds\/(cluster|clusterInstance|instance)|ssm\/(document|parameter)):/;

export const STACK_RULES: readonly Rule[] = [
  {
    id: 'data-protected',
    title: 'In production whatever holds data is protected, until allowDestroy names it',
    reason: 'the engine refuses to delete or replace what is protected; this keeps the protection from being left out',
    control: 'protect',
    url: GATE_URL,
    enforcement: 'production',
    types: PRECIOUS_TYPES,
    check: ({ type, name, urn, inputs, protect }: Subject, facts: StackFacts): string[] => {
      const precious = preciousOf(type, name, inputs);
      if (precious === undefined || protect || facts.ephemeral || isNamed(facts, name, urn)) return [];
      return [`it is not protected; lost with it would be ${precious.loses}`];
    },
  },
  {
    id: 'backup-before-destroy',
    title:
      'In production allowDestroy names something only while a restore of the backups was proven in the last 24 hours',
    reason: 'what is destroyed by agreement can be had back only from a backup that was seen to work',
    control: 'allowDestroy',
    url: GATE_URL,
    enforcement: 'production',
    // The first resource of every stack, so that it stops before anything else is looked at, what the program no longer declares included.
    types: [STACK_TYPE],
    check: (_: Subject, { allowDestroy, backup, destructiveMigrations, ephemeral }: StackFacts): string[] => {
      // A migration stays named for as long as it is in the checkout; it asks for itself, and only when it is to be applied.
      const named = allowDestroy.filter((entry) => !destructiveMigrations.has(entry));
      if (named.length === 0 || ephemeral || backup === undefined || backup.fresh) return [];
      return [
        `allowDestroy names ${named.join(', ')}, and ${backup.why}. Prove a restore by qbench drill, or, once it is destroyed, take it out of allowDestroy`,
      ];
    },
  },
  {
    id: 'ephemeral-goes-whole',
    title: 'Nothing of an ephemeral stack is protected, and all of it says when it ends',
    reason: 'what cannot be swept costs money for ever',
    control: 'ephemeral stacks',
    url: GATE_URL,
    enforcement: 'always',
    checkStack: (subjects, { ephemeral }) =>
      ephemeral
        ? subjects.flatMap((subject) => [
            ...(subject.protect ? [{ subject, message: 'it is protected' }] : []),
            ...(taggable(subject) && isMissing(record(subject.inputs['tags'])[TAGS.ttl])
              ? [{ subject, message: `it has no tag ${TAGS.ttl}` }]
              : []),
          ])
        : [],
  },
  {
    id: 'migrations-keep-data',
    title: 'A migration that drops a table or a column is named in allowDestroy',
    reason: 'no backup shows at a glance what a migration has thrown away',
    control: 'migrations',
    url: 'https://www.postgresql.org/docs/current/ddl-alter.html',
    enforcement: 'guarded',
    types: ['command:local:Command'],
    check: ({ inputs }: Subject, facts: StackFacts): string[] => {
      const declared = items(parsed(inputs['stdin'])?.['migrations']).map((entry) => text(record(entry)['file']));
      return declared
        .filter((file) => facts.destructiveMigrations.has(file) && !facts.allowDestroy.includes(file))
        .map((file) => `${file} drops ${(facts.destructiveMigrations.get(file) ?? []).join(', ')}`);
    },
  },
  {
    id: 'tagged',
    title: 'Every resource that takes tags says whose it is',
    reason: 'bills, sweepers and rights go by the tags',
    control: 'tags',
    url: 'https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html',
    enforcement: 'guarded',
    checkStack: (subjects) =>
      subjects
        .filter(({ type, inputs }) => TAGGED.test(type) || (type.startsWith('aws:') && inputs['tags'] !== undefined))
        .flatMap((subject) => {
          const tags = record(subject.inputs['tags']);
          const missing = NEEDED_TAGS.filter((tag) => isMissing(tags[tag]));
          return missing.length === 0 ? [] : [{ subject, message: `it lacks the tags ${missing.join(', ')}` }];
        }),
  },
  {
    id: 'no-secret-in-clear',
    title: 'No input holds a secret in clear',
    reason: 'the state would hold it in clear as well',
    control: 'Pulumi secrets',
    url: 'https://www.pulumi.com/docs/iac/concepts/secrets/',
    enforcement: 'always',
    checkStack: (subjects) =>
      subjects
        // Where secrets are not masked, a secret that is kept as one cannot be told from one in clear.
        .filter(({ masked, inputs }) => masked && looksSecret(JSON.stringify(inputs)))
        .map((subject) => ({ subject, message: 'one of its inputs looks like a secret, and is not kept as one' })),
  },
];
