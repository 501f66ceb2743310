/** `qbench load`: reads an input batch by batch and commits each, with its place in the ledger, in one transaction. */
import { OperatorError } from '../errors';
import type { Database, Session } from '../ports';
import { sqlText } from '../sqlText';
import { BATCH_LIMITS, readBatches, type BadLine, type Batch, type BatchLimits } from './batches';
import { timestampField } from './copyBinary';
import { explain } from './explainFailure';
import type { LoadInput } from './input';
import { NO_COUNTS, addCounts, advance, beginLoad, findUnfinished, finishLoad, type LoadCounts } from './ledger';
import { cancelOnAbort, prepareLoadSession, type LoadPorts } from './loadSession';
import { RejectFile } from './rejects';
import {
  copyNew,
  meetsExisting,
  mergeBatch,
  type ConflictPolicy,
  type WriteRules,
  type WrittenBatch,
} from './writeBatch';

export interface LoadOptions {
  onConflict: ConflictPolicy;
  /** Fills up shorter embeddings with zeros; a manifest beside the file may ask for it too. */
  pad: boolean;
  ignoreUnknown: boolean;
  /** Bad lines go to this file instead of ending the load. */
  skipBadFile?: string;
  /** Begins at the first line even where the ledger knows better. */
  restart: boolean;
  /** Does nothing where there are documents already (and no unfinished load of this input). */
  ifEmpty: boolean;
  /** @default BATCH_LIMITS */
  limits?: BatchLimits;
}

export interface LoadSummary extends LoadCounts {
  file: string;
  /** `nothing-to-do` only with `ifEmpty`. */
  outcome: 'complete' | 'interrupted' | 'nothing-to-do';
  /** Line behind which this run went on; 0 where it began at the beginning. Counts include what was committed before. */
  resumedAfterLine: number;
  /** Everything up to this line is committed. */
  lastLine: number;
  seconds: number;
  /** Documents committed by this run for each second, from connecting to the end. */
  rowsPerSecond: number;
}

/** Bad lines shown in an error; the others are counted. */
const SHOWN_BAD_LINES = 20;
/** A writer that took the same uid between our look and our COPY; the second look sees its row. */
const RETRIED_CODES = new Set(['23505', '40001', '40P01']);
const ATTEMPTS = 3;

interface StartFacts {
  document_dimensions: number;
  step_dimensions: number;
  now_microseconds: string;
  first_test_case_id: number;
  has_documents: boolean;
}

/**
 * Loads one input.
 * @returns what was committed, also where `signal` interrupted it
 * @throws OperatorError for the first bad line (without `skipBadFile`), a refused batch, a running other load, or a lost server.
 *   Batches committed before stay, and a rerun of the same input goes on behind them
 */
export async function load(
  database: Database,
  input: LoadInput,
  options: LoadOptions,
  ports: LoadPorts,
): Promise<LoadSummary> {
  const startedMs = ports.clock.monotonicMs();
  const session = await database.connect({ role: 'owner', applicationName: 'qbench load', statementTimeoutMs: 0 });
  const stopCancelling = cancelOnAbort(database, session, ports.signal);
  try {
    await prepareLoadSession(session, ports);
    return await new Load(session, input, options, ports, startedMs).run();
  } finally {
    stopCancelling();
    await session.close();
  }
}

class Load {
  private counts: LoadCounts = { ...NO_COUNTS };
  private lastLine = 0;
  private before: LoadCounts = NO_COUNTS;
  private resumedAfterLine = 0;
  /** There were no documents when this run began. */
  private wasEmpty = false;
  /** Ends the reading when the writing has failed. */
  private readonly ended = new AbortController();

  constructor(
    private readonly session: Session,
    private readonly input: LoadInput,
    private readonly options: LoadOptions,
    private readonly ports: LoadPorts,
    private readonly startedMs: number,
  ) {}

  async run(): Promise<LoadSummary> {
    try {
      return await this.start();
    } catch (error) {
      if (this.ports.signal.aborted) return this.summary('interrupted');
      throw explain(error, this.standing(), this.input.identity !== undefined);
    } finally {
      this.ended.abort(new Error('the load has ended'));
    }
  }

  private async start(): Promise<LoadSummary> {
    const { session, input, options } = this;
    const facts = await this.startFacts();
    this.wasEmpty = !facts.has_documents;
    const unfinished = input.identity === undefined ? undefined : await findUnfinished(session, input.identity);
    if (options.ifEmpty && facts.has_documents && unfinished === undefined) return this.summary('nothing-to-do');

    let firstTestCaseId = facts.first_test_case_id;
    if (unfinished?.stillThere === true && !options.restart) {
      this.counts = this.before = unfinished.counts;
      this.lastLine = this.resumedAfterLine = unfinished.lastLine;
      firstTestCaseId = unfinished.firstTestCaseId;
      this.ports.progress.note(`${input.name}: lines up to ${this.lastLine} are committed, going on behind them`);
    } else if (input.identity !== undefined) {
      await beginLoad(session, input.identity, input.name, firstTestCaseId);
    }
    const { onConflict, skipBadFile } = options;
    const rules = { onConflict, firstTestCaseId, now: timestampField(BigInt(facts.now_microseconds)) };
    const rejects = skipBadFile === undefined ? undefined : new RejectFile(skipBadFile, this.resumedAfterLine);
    try {
      return await this.copyBatches(this.batches(facts), rules, rejects);
    } finally {
      rejects?.close();
    }
  }

  private async startFacts(): Promise<StartFacts> {
    const { rows } = await this.session.query<StartFacts>(sqlText('queries/load-start'));
    const facts = rows[0] as StartFacts;
    if (facts.document_dimensions < 1 || facts.step_dimensions < 1) {
      throw new OperatorError('the embedding columns of this database have no fixed dimensions', {
        allowed: 'vector(1536), as the migrations make them',
      });
    }
    return facts;
  }

  private batches(facts: StartFacts): AsyncGenerator<Batch> {
    const rules = {
      dimensions: { documents: facts.document_dimensions, steps: facts.step_dimensions },
      pad: this.options.pad || this.input.manifest?.pad === true,
      ignoreUnknown: this.options.ignoreUnknown,
    };
    const signal = AbortSignal.any([this.ports.signal, this.ended.signal]);
    return readBatches(this.input, rules, this.resumedAfterLine, signal, this.options.limits ?? BATCH_LIMITS);
  }

  private async copyBatches(
    batches: AsyncGenerator<Batch>,
    rules: WriteRules,
    rejects: RejectFile | undefined,
  ): Promise<LoadSummary> {
    const ahead = (): Promise<IteratorResult<Batch>> => {
      const next = batches.next();
      // Looked at only after the batch before it was written, which may fail first.
      next.catch(() => undefined);
      return next;
    };
    let next = ahead();
    for (;;) {
      const step = await next;
      if (step.done === true) break;
      this.ports.signal.throwIfAborted();
      // The next batch is read and encoded while the server works on this one.
      next = ahead();
      await this.commit(step.value, rules, rejects);
      this.tell();
    }
    if (this.lastLine === 0) throw new OperatorError(`${this.input.name} holds no rows`, { exitCode: 2 });
    if (this.counts.inserted + this.counts.updated > this.before.inserted + this.before.updated) {
      this.ports.progress.update({ phase: 'updating the planner’s statistics' });
      await this.session.query('ANALYZE public.test_documents, public.test_steps');
    }
    if (this.input.identity !== undefined) await finishLoad(this.session, this.input.identity);
    return this.summary('complete');
  }

  private async commit(batch: Batch, rules: WriteRules, rejects: RejectFile | undefined): Promise<void> {
    if (batch.bad.length > 0 && rejects === undefined) throw this.refuse(batch.bad);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.session.query('BEGIN');
        const written = await this.write(batch, rules, attempt);
        const bad = [...batch.bad, ...written.bad.map((line) => ({ ...line, bytes: undefined }))];
        if (bad.length > 0 && rejects === undefined) throw this.refuse(bad);
        rejects?.append(bad);
        const counts = { ...written.counts, rejected: bad.length };
        const lastUid = batch.rows.findLast((row) => !written.bad.some(({ line }) => line === row.line))?.uid;
        if (this.input.identity !== undefined)
          await advance(this.session, this.input.identity, batch.lastLine, lastUid, counts);
        await this.session.query('COMMIT');
        this.counts = addCounts(this.counts, counts);
        this.lastLine = batch.lastLine;
        return;
      } catch (error) {
        // Where the server is gone this fails too, and the first error tells why.
        await this.session.query('ROLLBACK').catch(() => undefined);
        const code = (error as { code?: string }).code ?? '';
        if (attempt >= ATTEMPTS || !RETRIED_CODES.has(code) || this.ports.signal.aborted) throw error;
      }
    }
  }

  private async write(batch: Batch, rules: WriteRules, attempt: number): Promise<WrittenBatch> {
    if (batch.rows.length === 0) return { counts: { ...NO_COUNTS }, bad: [] };
    // Into tables that were empty nobody else need have written; if somebody has, COPY fails and the next attempt looks.
    const known = (!this.wasEmpty || attempt > 1) && (await meetsExisting(this.session, batch.rows));
    return known ? mergeBatch(this.session, batch.rows, rules) : copyNew(this.session, batch.rows, rules);
  }

  private refuse(bad: readonly BadLine[]): OperatorError {
    const lines = bad.slice(0, SHOWN_BAD_LINES).map(({ line, reasons }) => `  line ${line}: ${reasons.join('; ')}`);
    if (bad.length > SHOWN_BAD_LINES) lines.push(`  and ${bad.length - SHOWN_BAD_LINES} more in this batch`);
    return new OperatorError(
      `${this.input.name}: ${bad.length} bad ${bad.length === 1 ? 'line' : 'lines'}, ${this.standing()}\n${lines.join('\n')}`,
      {
        next: 'correct them and load the file again, or go on without them: --skip-bad FILE writes them to FILE',
        exitCode: 2,
      },
    );
  }

  private standing(): string {
    return this.lastLine === 0 ? 'nothing was committed' : `lines up to ${this.lastLine} are committed`;
  }

  private tell(): void {
    const { input, ports } = this;
    const done =
      this.counts.inserted + this.counts.updated + this.counts.unchanged + this.counts.skipped + this.counts.rejected;
    const fraction = input.totalBytes === undefined ? 0 : Math.min(1, input.bytesRead() / input.totalBytes);
    const elapsed = (ports.clock.monotonicMs() - this.startedMs) / 1000;
    ports.progress.update({
      phase: `loading ${input.name}`,
      done,
      unit: 'rows',
      ...(fraction > 0 ? { etaSeconds: (elapsed * (1 - fraction)) / fraction } : {}),
    });
  }

  private summary(outcome: LoadSummary['outcome']): LoadSummary {
    const seconds = (this.ports.clock.monotonicMs() - this.startedMs) / 1000;
    const fresh = this.counts.inserted + this.counts.updated + this.counts.unchanged;
    const rows = fresh - this.before.inserted - this.before.updated - this.before.unchanged;
    return {
      file: this.input.name,
      outcome,
      ...this.counts,
      resumedAfterLine: this.resumedAfterLine,
      lastLine: this.lastLine,
      seconds: Math.round(seconds * 1000) / 1000,
      rowsPerSecond: seconds === 0 ? 0 : Math.round(rows / seconds),
    };
  }
}
