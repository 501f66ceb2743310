/**
 * The script that carries one program call to a host and its whole output back. SSM shows at most 24,000 characters of a
 * command's output; so the output is packed, and what does not fit in one answer stays on the host to be fetched in parts.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { UsageError } from '../../ops/errors';

/** Characters of packed output that one answer carries: below SSM's 24,000, with room for the first line. */
export const CHUNK_CHARACTERS = 20_000;

/** What SendCommand takes for all parameters together is 64 KiB; the rest of the request needs some of it. */
const MAX_SCRIPT_CHARACTERS = 60_000;

const MARK = 'qbench-result';
/** On the host: closed to others, in memory, gone with a reboot. */
const FOLDER = '/run/qbench-command';

export interface HostCall {
  file: string;
  args: readonly string[];
  /** User of the host. @default root */
  user?: string;
  stdin?: string;
  cwd?: string;
  timeoutSeconds?: number;
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The script, for sh.
 * @throws UsageError where the input is too large for SSM
 */
export function callScript(call: HostCall): string {
  const words = [
    // --preserve-status: as if the signal had come from anybody, 128 + its number.
    ...(call.timeoutSeconds === undefined
      ? []
      : ['timeout', '--preserve-status', '--kill-after=10', String(call.timeoutSeconds)]),
    ...(call.user === undefined ? [] : ['runuser', '-u', call.user, '--']),
    call.file,
    ...call.args,
  ];
  const input = call.stdin === undefined ? '' : gzipSync(call.stdin).toString('base64');
  const script = [
    'umask 077',
    `find ${FOLDER.replace(/\/[^/]*$/, '')} -maxdepth 1 -name 'qbench-command.*' -mmin +1440 -exec rm -rf {} + 2>/dev/null`,
    `work=$(mktemp -d ${FOLDER}.XXXXXX) || exit 1`,
    input === '' ? ': >"$work/in"' : `printf %s ${input} | base64 -d | gunzip >"$work/in"`,
    // No program of ours would understand where it is otherwise: the agent's own folder is closed to others.
    `cd ${shellQuote(call.cwd ?? '/')} || { rm -rf "$work"; exit 1; }`,
    // Opened here, as root: the program's user need not reach the folder.
    `${words.map(shellQuote).join(' ')} <"$work/in" >"$work/out" 2>"$work/err"`,
    'code=$?',
    'out=$(wc -c <"$work/out")',
    'cat "$work/out" "$work/err" | gzip -c | base64 | tr -d "\\n" >"$work/all"',
    'all=$(wc -c <"$work/all")',
    `printf '${MARK} %s %s %s %s\\n' "$code" $out $all "$work"`,
    `head -c ${CHUNK_CHARACTERS} "$work/all"`,
    `[ "$all" -gt ${CHUNK_CHARACTERS} ] || rm -rf "$work"`,
    'exit "$code"',
  ].join('\n');
  if (script.length > MAX_SCRIPT_CHARACTERS) {
    throw new UsageError(`the input of ${call.file} is too large for SSM: ${script.length} characters packed`, {
      allowed: `${MAX_SCRIPT_CHARACTERS}`,
    });
  }
  return script;
}

export interface FirstAnswer {
  code: number;
  /** Bytes of standard output in the whole; standard error follows them. */
  outBytes: number;
  /** Characters of the packed whole. */
  packedCharacters: number;
  folder: string;
  /** The first part of the packed whole. */
  packed: string;
}

/** Reads the answer of `callScript`; undefined where the script itself was cut off. */
export function readAnswer(output: string): FirstAnswer | undefined {
  const match = new RegExp(`^${MARK} (\\d+) (\\d+) (\\d+) (/\\S+)\\n([A-Za-z0-9+/=]*)$`).exec(output.trimEnd());
  if (match === null) return undefined;
  const [, code, outBytes, packedCharacters, folder = '', packed = ''] = match;
  return { code: Number(code), outBytes: Number(outBytes), packedCharacters: Number(packedCharacters), folder, packed };
}

/** The script that fetches the part from a character on; the last part takes the folder away. */
export function partScript(folder: string, from: number, total: number): string {
  const last = from + CHUNK_CHARACTERS >= total;
  return [
    `tail -c +${from + 1} ${shellQuote(`${folder}/all`)} | head -c ${CHUNK_CHARACTERS}`,
    ...(last ? [`rm -rf ${shellQuote(folder)}`] : []),
  ].join('\n');
}

/** Output and error of a packed whole. */
export function unpack(packed: string, outBytes: number): { stdout: string; stderr: string } {
  const whole = gunzipSync(Buffer.from(packed, 'base64'));
  return { stdout: whole.subarray(0, outBytes).toString('utf8'), stderr: whole.subarray(outBytes).toString('utf8') };
}
