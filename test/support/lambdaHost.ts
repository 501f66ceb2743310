/** A host for Lambdas on this machine: the stand-in of SSM with the real documents, and stand-ins of what only a host has. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lambdaCode, type LambdaName } from '../../infra/adapters/lambda/code';
import { LambdaProcess, type LambdaAnswer } from '../../infra/adapters/lambda/process';
import { COMMAND_ENDED, DATABASE_NAME } from '../../infra/naming';
import type { DrillRecord } from '../../infra/ops/backup/evidence';
import { packPlan } from '../../infra/ops/hostMonitor/packing';
import { DRILL_RECORDS } from '../../infra/postgres/hostFiles';
import { backupDocument, snapshotDocument, type HostCommandInput } from '../../infra/postgres/hostCommands';
import { CHECKOUT } from './machine';
import type { SsmDocument } from './ssmDocuments';
import { localShell, type SsmExecutor } from './ssmExecutor';
import { SsmServer, type RecordedCommand } from './ssmServer';

export const INSTANCE = 'i-0123456789abcdef0';
const DOCUMENTS = { backup: 'qbench-postgres-test-backup', monitor: 'qbench-postgres-test-monitor' } as const;

/** What pgBackRest does, as far as the steps look at it: a repository in a file, faults by files beside it. */
const PGBACKREST = `#!/bin/bash
set -eu
here=$(dirname "$0")/repository
mkdir -p "$here"
touch "$here/backups"
command=; type=; slot=
for word in "$@"; do
  case $word in
    --type=*) type=\${word#*=} ;;
    --annotation=qbench-slot=*) slot=\${word##*=} ;;
    --*) ;;
    *) command=$word ;;
  esac
done
echo "$command $type $slot" >>"$here/calls"
if [[ -e $here/s3-down ]]; then echo 'ERROR: [103]: unable to find a valid repository: HTTP request failed with 503' >&2; exit 103; fi
while [[ -e $here/slow && $command == backup ]]; do sleep 0.05; done
case $command in
  backup) now=$(date +%s); echo "{\\"label\\":\\"20261122-020000F\\",\\"reference\\":null,\\"archive\\":{\\"start\\":\\"000000010000000000000002\\",\\"stop\\":\\"000000010000000000000002\\"},\\"type\\":\\"$type\\",\\"error\\":false,\\"annotation\\":{\\"qbench-slot\\":\\"$slot\\"},\\"timestamp\\":{\\"start\\":$((now - 90)),\\"stop\\":$now},\\"info\\":{\\"size\\":4096000,\\"repository\\":{\\"delta\\":1024}}}" >>"$here/backups" ;;
  info) printf '[{"name":"qbench","status":{"code":0,"message":"ok"},"backup":[%s]}]\\n' "$(paste -sd, "$here/backups")" ;;
  verify)
    printf 'stanza: qbench\\nstatus: ok\\n  archiveId: 18-1, total WAL checked: 2, total valid WAL: 2\\n    missing: 0, checksum invalid: 0, size invalid: 0, other: 0\\n'
    echo "  backup: 20261122-020000F, status: $([[ -e $here/damaged ]] && echo invalid || echo valid), total files checked: 9, total valid files: 8"
    ;;
esac
`;
const RUNUSER = '#!/bin/bash\nshift 3\nexec "$@"\n';

export interface LambdaHostOptions {
  /** Where the database is; nowhere when absent. */
  server?: HostCommandInput & { database: string };
  /** Puts a program of the host first on its PATH. */
  programs?: Record<string, string>;
  /** Runs the documents as they are, such as in a guest that is a real host. @default a shell of this machine, with stand-ins */
  executor?: SsmExecutor;
  overrides?: Record<string, { warning?: number; critical?: number }>;
  apiUrl?: string;
  /** Values of secrets, by name. */
  secrets?: (id: string) => string | undefined;
}

const GIB = 1024 ** 3;
const PLANNED = { clientConnections: 30, diskBytes: 20 * GIB, databaseBytes: 5 * GIB, parameters: { jit: 'off' } };

export class LambdaHost {
  private readonly processes = new Map<LambdaName, LambdaProcess>();

  private constructor(
    readonly ssm: SsmServer,
    private readonly folder: string,
    private readonly executor: { remove(): void },
    private readonly options: LambdaHostOptions,
  ) {}

  static async start(options: LambdaHostOptions = {}): Promise<LambdaHost> {
    const folder = mkdtempSync(join(tmpdir(), 'qbench-lambda-host-'));
    chmodSync(folder, 0o755);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    for (const [name, text] of Object.entries({ pgbackrest: PGBACKREST, runuser: RUNUSER, ...options.programs })) {
      writeFileSync(join(bin, name), text, { mode: 0o755 });
    }
    const executor = localShell(bin);
    // What is fixed on a host is somewhere else on this machine.
    const here = (document: object): SsmDocument => {
      if (options.executor !== undefined) return JSON.parse(JSON.stringify(document)) as SsmDocument;
      const moved = JSON.stringify(document)
        .replaceAll('/run/lock/qbench-backup', join(folder, 'lock'))
        .replaceAll(DRILL_RECORDS, join(folder, 'drills'))
        .replaceAll(`database='${DATABASE_NAME}'`, `database='${options.server?.database ?? DATABASE_NAME}'`);
      return JSON.parse(moved) as SsmDocument;
    };
    const ssm = await SsmServer.start({
      executor: options.executor ?? executor,
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
      instances: [{ id: INSTANCE, tags: {} }],
      documents: {
        [DOCUMENTS.backup]: here(backupDocument()),
        [DOCUMENTS.monitor]: here(
          snapshotDocument(options.server ?? { port: 1, socketDirectory: folder, mount: folder }),
        ),
      },
    });
    return new LambdaHost(ssm, folder, executor, options);
  }

  /** Calls a Lambda, from its zip. */
  async invoke(name: LambdaName, event: unknown): Promise<LambdaAnswer> {
    let running = this.processes.get(name);
    if (running === undefined) {
      const { zip } = await lambdaCode(name, CHECKOUT);
      running = await LambdaProcess.start(zip, {
        ...this.ssm.env,
        AWS_REGION: 'eu-central-1',
        QBENCH_STACK: 'test',
        QBENCH_INSTANCE_ID: INSTANCE,
        QBENCH_DOCUMENT: DOCUMENTS[name],
        QBENCH_PLAN: packPlan({
          planned: PLANNED,
          overrides: this.options.overrides ?? {},
          apiUrl: this.options.apiUrl ?? '',
        }),
      });
      this.processes.set(name, running);
    }
    return running.invoke(event);
  }

  /** Commands of a Lambda's document. */
  commands(name: LambdaName): RecordedCommand[] {
    return this.ssm.commands.filter(({ document }) => document === DOCUMENTS[name]);
  }

  /** What was asked of pgBackRest, in order, without its questions for information. */
  get backrest(): string[] {
    try {
      const lines = readFileSync(join(this.folder, 'bin/repository/calls'), 'utf8').trim().split('\n');
      return lines.map((line) => line.trim()).filter((line) => line !== 'info');
    } catch {
      return [];
    }
  }

  /** Leaves the record of a drill where the host keeps them. */
  keepDrill(record: Pick<DrillRecord, 'passed' | 'finishedAt'>): void {
    const drills = join(this.folder, 'drills');
    mkdirSync(drills, { recursive: true });
    const name = record.finishedAt.replaceAll(/[-:.]/g, '');
    writeFileSync(join(drills, `${name}.json`), `${JSON.stringify({ version: 1, ...record, checks: [] }, null, 2)}\n`);
  }

  /** Sets or clears a fault of the stand-in of pgBackRest. */
  fault(name: 's3-down' | 'slow' | 'damaged', on: boolean): void {
    const file = join(this.folder, 'bin/repository', name);
    mkdirSync(join(this.folder, 'bin/repository'), { recursive: true });
    if (on) writeFileSync(file, '');
    else rmSync(file, { force: true });
  }

  /** Waits until no command runs any more. */
  async settled(): Promise<void> {
    while (this.ssm.commands.some(({ status }) => status === 'Pending' || status === 'InProgress')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    for (const running of this.processes.values()) await running.stop();
    this.fault('slow', false);
    await this.ssm.stop();
    this.executor.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The event by which EventBridge tells the end of a command. */
export function ended({ id, document, status, instanceId }: RecordedCommand): Record<string, unknown> {
  return {
    version: '0',
    id: '51c0891d-0e34-45b1-83d6-95db273d1602',
    'detail-type': COMMAND_ENDED,
    source: 'aws.ssm',
    account: '111122223333',
    time: new Date().toISOString(),
    region: 'eu-central-1',
    resources: [`arn:aws:ec2:eu-central-1:111122223333:instance/${instanceId}`],
    detail: { 'command-id': id, 'document-name': document, status, 'requested-date-time': new Date().toISOString() },
  };
}

/** The metrics among the lines of a call: the last value of each. */
export function metricsOf({ lines }: LambdaAnswer): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of lines) {
    const { _aws: about, ...values } = JSON.parse(line) as { _aws?: unknown } & Record<string, unknown>;
    if (about === undefined) continue;
    for (const [name, value] of Object.entries(values)) {
      const number: unknown = Array.isArray(value) ? value.at(-1) : value;
      if (typeof number === 'number') found[name] = number;
    }
  }
  return found;
}
