/** Rules of the server: the files that the host is given, as user data at its first boot and by SSM later. */
import { gunzipSync } from 'node:zlib';
import { parsePostgresqlConf } from '../../postgres/render';
import { looksSecret } from './secrets';
import { cis, fsbp, type ResourceRule, type Rule, type Subject } from './types';
import { isUnknown, items, parsed, record, text } from './values';

const DOCUMENT = 'aws:ssm/document:Document';
const INSTANCE = 'aws:ec2/instance:Instance';
/** AWS's limit of user data, as it is sent. */
const USER_DATA_MAX_BYTES = 16_384;

/** User data as it is sent and as it is read; undefined where it is not known yet. */
function userData({ inputs }: Subject): { bytes: number; text: string } | undefined {
  const given = inputs['userDataBase64'] ?? inputs['userData'];
  if (typeof given !== 'string' || isUnknown(given)) return undefined;
  const sent = inputs['userDataBase64'] === undefined ? Buffer.from(given) : Buffer.from(given, 'base64');
  try {
    const plain = sent[0] === 0x1f && sent[1] === 0x8b ? gunzipSync(sent) : sent;
    return { bytes: sent.length, text: plain.toString('utf8') };
  } catch {
    return { bytes: sent.length, text: '' };
  }
}

/** Lines that an SSM document runs. */
function linesOf({ inputs }: Subject): string[] {
  const steps = items(parsed(inputs['content'])?.['mainSteps']).map((step) => record(record(step)['inputs']));
  return steps.flatMap((step) => items(step['runCommand']).map(text)).flatMap((line) => line.split('\n'));
}

/** A file that a document brings; undefined where it brings none of that name. */
function fileOf(subject: Subject, name: string): string | undefined {
  const lines = linesOf(subject);
  const start = lines.findIndex((line) => line.startsWith('take ') && line.includes(`/${name} <<'`));
  const end = /<<'(\w+)'$/.exec(lines[start] ?? '')?.[1];
  return end === undefined ? undefined : lines.slice(start + 1, lines.indexOf(end, start)).join('\n');
}

/** Parameters that must have one of some values; the section of the benchmark; why. */
const PARAMETERS: readonly (readonly [name: string, allowed: RegExp, section: string])[] = [
  ['ssl', /^on$/, '6.8'],
  ['ssl_min_protocol_version', /^TLSv1\.[23]$/, '6.8'],
  ['password_encryption', /^scram-sha-256$/, '5.12'],
  ['fsync', /^on$/, '6.2'],
  ['full_page_writes', /^on$/, '6.2'],
  ['ignore_checksum_failure', /^off$/, '1.4.3'],
  ['log_parameter_max_length', /^0$/, '3.1'],
  ['log_parameter_max_length_on_error', /^0$/, '3.1'],
  ['archive_mode', /^(on|always)$/, '7.4'],
];

function parameterComplaints(conf: string): string[] {
  const parameters = parsePostgresqlConf(conf);
  const wrong = PARAMETERS.filter(([name, allowed]) => !allowed.test(parameters[name] ?? '')).map(
    ([name, , section]) => `${name} is ${parameters[name] ?? 'not given'} (CIS ${section})`,
  );
  const everywhere = (parameters['listen_addresses'] ?? '')
    .split(',')
    .some((address) => ['*', '0.0.0.0', '::'].includes(address.trim()));
  return everywhere ? [...wrong, 'listen_addresses is every address (CIS 5.2)'] : wrong;
}

/** What is wrong with the lines of a pg_hba.conf. */
function hbaComplaints(hba: string): string[] {
  const lines = hba
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '');
  return lines.flatMap((line) => {
    const [type = '', databases = '', users = '', ...rest] = line.split(/\s+/);
    const local = type === 'local';
    const address = local ? '' : (rest[0] ?? '');
    const method = rest[local ? 0 : 1] ?? '';
    const loopback = /^(127\.0\.0\.1\/32|::1\/128|localhost)$/.test(address);
    const superuser = users.split(',').some((user) => ['all', 'postgres'].includes(user.replaceAll('"', '')));
    return [
      ...(local && method !== 'peer' ? [`"${line}": sockets by ${method}, not peer`] : []),
      ...(!local && type !== 'hostssl' ? [`"${line}": ${type} lets connections in without TLS`] : []),
      ...(!local && method !== 'scram-sha-256' && method !== 'reject'
        ? [`"${line}": ${method}, not scram-sha-256`]
        : []),
      ...(/^(0\.0\.0\.0\/0|::\/0|all)$/.test(address) ? [`"${line}": from everywhere`] : []),
      ...(!local && !loopback && superuser && method !== 'reject' ? [`"${line}": a superuser from ${address}`] : []),
      ...(!local && !loopback && databases === 'all' && method !== 'reject'
        ? [`"${line}": every database from ${address}`]
        : []),
    ];
  });
}

const ofDocument = (
  base: Omit<ResourceRule, 'types' | 'check'>,
  file: string,
  check: (content: string) => string[],
): ResourceRule => ({
  ...base,
  types: [DOCUMENT],
  check: (subject) => {
    const content = fileOf(subject, file);
    return content === undefined ? [] : check(content);
  },
});

export const SERVER_RULES: readonly Rule[] = [
  {
    id: 'user-data-clean',
    title: 'User data holds no secret, runs nothing straight from the network, and is small enough for AWS',
    reason: 'whoever may look at a host reads its user data; and what is piped into a shell is signed by nobody',
    ...fsbp('EC2.8'),
    enforcement: 'always',
    types: [INSTANCE],
    check: (subject: Subject): string[] => {
      const data = userData(subject);
      if (data === undefined) return [];
      return [
        ...(data.bytes > USER_DATA_MAX_BYTES
          ? [`user data has ${data.bytes} bytes; AWS takes ${USER_DATA_MAX_BYTES}`]
          : []),
        ...(looksSecret(data.text) ? ['user data holds what looks like a secret'] : []),
        ...(/\b(curl|wget)\b[^\n|]*\|\s*(sudo\s+)?(ba|da|z)?sh\b/.test(data.text)
          ? ['user data pipes a download into a shell']
          : []),
        ...(/^\s*deb\s+(?!\[[^\]]*signed-by=)/m.test(data.text) || /\[[^\]]*trusted=yes/.test(data.text)
          ? ['user data adds a package source without a key of its own (signed-by)']
          : []),
      ];
    },
  },
  ofDocument(
    {
      id: 'server-authentication',
      title: 'pg_hba.conf lets in TLS with SCRAM, and the local socket by peer; no remote superuser',
      reason: 'one line with trust or md5 undoes every password',
      ...cis('5.3-5.11'),
      enforcement: 'always',
    },
    'pg_hba.conf',
    hbaComplaints,
  ),
  ofDocument(
    {
      id: 'server-parameters',
      title: 'postgresql.conf keeps TLS, SCRAM, durable writes, archiving, and embeddings out of the log',
      reason: 'each of them is what a promise of the backups or of the privacy of the data rests on',
      ...cis('3-7'),
      enforcement: 'always',
    },
    'postgresql.conf',
    parameterComplaints,
  ),
  {
    id: 'document-no-secret',
    title: 'No SSM document holds a secret',
    reason: 'documents and their history can be read by whoever may list them',
    control: 'SSM documents',
    url: 'https://docs.aws.amazon.com/systems-manager/latest/userguide/documents.html',
    enforcement: 'always',
    types: [DOCUMENT],
    check: (subject) =>
      linesOf(subject).some((line) => looksSecret(line)) ? ['a line of it looks like a secret'] : [],
  },
];

const COMMANDS = ['command:local:Command', 'command:remote:Command'];

export const COMMAND_RULES: readonly Rule[] = [
  {
    id: 'command-no-secret',
    title: 'Commands hold no secret in their text, and print nothing where they are given one',
    reason: 'the command provider shows commands and their output in clear, in logs and in previews',
    control: 'pulumi-command#401',
    url: 'https://github.com/pulumi/pulumi-command/issues/401',
    enforcement: 'always',
    types: COMMANDS,
    check: ({ inputs, secretOutputs }: Subject): string[] => {
      const inText = ['create', 'update', 'delete', 'stdin'].filter((key) => looksSecret(text(inputs[key])));
      const silent = Object.keys(record(inputs['environment'])).length === 0;
      return [
        ...inText.map((key) => `${key} holds what looks like a secret`),
        ...(!silent && inputs['logging'] !== 'none' ? ['it is given an environment, and logging is not "none"'] : []),
        ...(!silent &&
        secretOutputs !== undefined &&
        !['stdout', 'stderr'].every((output) => secretOutputs.includes(output))
          ? ['it is given an environment, and its outputs are not kept secret']
          : []),
      ];
    },
  },
];
