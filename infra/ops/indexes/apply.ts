/** Makes the indexes what they are wanted to be. A run that was cut off anywhere is finished by the next one. */
import { OperatorError, messageOf } from '../errors';
import type { Database } from '../ports';
import type { AppliedIndex, ApplyOptions, ApplyResult } from './applyTypes';
import { quoteIdent } from '../sqlText';
import {
  BuildConnectionLost,
  BuildInterrupted,
  BuildWatch,
  buildIndex,
  cancelBackend,
  dropIndex,
  setLockTimeout,
  type BuildContext,
  type BuildOutcome,
} from './build';
import { changes, describeAction, type Action } from './decide';
import type { SearchSettings } from './desired';
import { overview, type IndexOverview } from './plan';
import { proveIndex, type Proof } from './prove';
import { refuseShortages, shortages } from './resources';
import { openAndLock, reconnect } from './reconnect';
import { searchChanges, setForDatabase } from './searchSettings';
import { closeSessions, isConnectionLost, type Sessions } from './sessions';
import { capacitySizing } from './sizing';
import { swapNames, waitForOlderTransactions } from './swap';

export type { AppliedIndex, ApplyOptions, ApplyResult } from './applyTypes';

const DEFAULT_WAIT_MS = 60_000;
const DEFAULT_PROOF_BUDGET_MS = 60_000;
const DEFAULT_RECONNECT_MS = 30_000;
/**
 * Two builds of one definition differ by about half of this on 50 rows, since parallel inserts meet in another order: less would refuse equals.
 */
const DEFAULT_RECALL_TOLERANCE = 0.02;
/** Rounds until nothing is left to do: each of the few causes of another round happens once, or it is told as a failure. */
const MAX_ROUNDS = 6;
/** A build that loses its connection this often is the cause of it. */
const MAX_LOST_BUILDS = 2;
/** Searches last milliseconds; a transaction that is older holds no choice of an index any more. */
const SETTLE_MS = 10_000;

/**
 * @throws OperatorError where another run is at work, something is short, a proof fails, or the server is gone; whatever served
 *   before still serves, and the next run continues
 */
export async function applyIndexes(database: Database, options: ApplyOptions): Promise<ApplyResult> {
  const run = new ApplyRun(database, options);
  return run.run();
}

class ApplyRun {
  private sessions!: Sessions;
  private readonly result: ApplyResult = { changed: false, indexes: [], dropped: [], searchSettings: {}, warnings: [] };
  private lost = 0;
  private readonly waitMs: number;

  constructor(
    private readonly database: Database,
    private readonly options: ApplyOptions,
  ) {
    this.waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
  }

  async run(): Promise<ApplyResult> {
    this.sessions = await openAndLock(this.database, this.options.clock);
    try {
      for (let round = 1; ; round++) {
        try {
          if (!(await this.round())) return this.sorted();
        } catch (error) {
          await this.recover(error);
        }
        if (round === MAX_ROUNDS)
          throw new OperatorError('the indexes did not settle', { next: 'qbench index plan says what is left to do' });
      }
    } finally {
      await closeSessions(this.sessions);
    }
  }

  /** A build that was waited for is recorded after the others; the answer keeps the order of what was asked. */
  private sorted(): ApplyResult {
    const order = this.options.state.indexes.map(({ name }) => name);
    return {
      ...this.result,
      indexes: this.result.indexes.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    };
  }

  /** @returns whether another look is needed */
  private async round(): Promise<boolean> {
    const { state, host, progress } = this.options;
    const seen = await overview(this.sessions, state, capacitySizing, host);
    // What failed builds left takes disk that the next one may need: it goes before anything is measured.
    if (await this.dropBroken(seen.actions)) return true;
    refuseShortages(
      seen.builds.flatMap((build) => build.shortages),
      this.options.allowSpill ?? false,
    );
    for (const table of seen.staleWorkers) await this.resetWorkers(table);
    for (const action of seen.actions) {
      if (this.options.signal?.aborted === true)
        throw new BuildInterrupted('interrupted; what was done stays, the next apply continues');
      if (action.kind !== 'keep') progress.note(describeAction(action));
      await this.execute(action, seen);
    }
    await this.applySearchSettings(seen);
    const pending = changes(seen.actions).length > 0;
    this.result.changed ||= pending;
    return pending && seen.actions.some(({ kind }) => kind === 'wait' || kind === 'cancel');
  }

  /** @returns whether one of them is gone now */
  private async dropBroken(actions: readonly Action[]): Promise<boolean> {
    const before = this.result.dropped.length;
    for (const action of actions) {
      if (action.kind !== 'drop' || action.index.valid) continue;
      this.options.progress.note(describeAction(action));
      await this.drop(action.index.name);
    }
    this.result.changed ||= this.result.dropped.length > before;
    return this.result.dropped.length > before;
  }

  private async execute(action: Action, seen: IndexOverview): Promise<void> {
    switch (action.kind) {
      case 'keep':
        this.record({ name: action.desired.name, outcome: 'kept', build: undefined, proof: undefined });
        return;
      case 'warn':
        this.warn(`${action.index.name}: ${action.reason}`);
        return;
      case 'drop':
        if (action.index.valid) await this.drop(action.index.name);
        return;
      case 'cancel':
        await cancelBackend(this.sessions, action.build.pid);
        return this.watch(action.build.table, action.build.pid).untilGone();
      case 'wait':
        await this.watch(action.desired.name, action.build.pid).untilGone();
        return;
      case 'adopt':
        return this.putInPlace(action, action.built.name, undefined, seen);
      case 'build': {
        const planned = seen.builds.find(({ index }) => index.name === action.desired.name);
        if (planned === undefined) throw new Error(`no plan for ${action.desired.name}`);
        // The index before this one took its part of the disk.
        const host = await this.options.host.read(seen.server.dynamicSharedMemoryType);
        refuseShortages(
          shortages(action.desired, planned.plan, this.options.state.session, host),
          this.options.allowSpill ?? false,
        );
        const outcome = await buildIndex(this.buildContext(), action.desired, planned.plan);
        return this.putInPlace(action, action.as, outcome, seen);
      }
    }
  }

  private async putInPlace(
    action: Extract<Action, { kind: 'build' | 'adopt' }>,
    builtName: string,
    build: BuildOutcome | undefined,
    seen: IndexOverview,
  ): Promise<void> {
    const { clock, progress } = this.options;
    const { desired, replaces } = action;
    const proof = await this.prove(action, builtName, seen);
    const retired = await swapNames(this.sessions, clock, desired, builtName, replaces);
    progress.note(`${desired.name} is in place`);
    this.record({ name: desired.name, outcome: build === undefined ? 'adopted' : 'built', build, proof });
    if (retired === undefined) return;
    await this.applySearchSettings(seen);
    // The search functions follow the key and operator class of the live index.
    if (action.differences.some(({ property }) => ['key', 'operator class'].includes(property))) {
      await waitForOlderTransactions(this.sessions.observer, clock, progress, Math.min(this.waitMs, SETTLE_MS));
      if (desired.type !== 'vector') {
        this.warn(
          `${desired.name} is over ${desired.type}: it serves hybrid_search, search_steps and queries that cast as it does, not ORDER BY ${desired.column} <=> $1::vector`,
        );
      }
    }
    await this.drop(retired);
  }

  private async prove(
    action: Extract<Action, { kind: 'build' | 'adopt' }>,
    builtName: string,
    seen: IndexOverview,
  ): Promise<Proof> {
    const { state, clock, progress } = this.options;
    const { desired, replaces } = action;
    const context = {
      sessions: this.sessions,
      clock,
      progress,
      search: seen.searchWanted,
      superuser: seen.server.superuser,
      recallTolerance: state.recallTolerance ?? DEFAULT_RECALL_TOLERANCE,
      budgetMs: this.options.proofBudgetMs ?? DEFAULT_PROOF_BUDGET_MS,
    };
    try {
      return await proveIndex(
        context,
        desired,
        builtName,
        seen.tables[desired.table]?.rows ?? 0,
        replaces,
        seen.searchNow,
      );
    } catch (error) {
      // An index that failed its proof would be adopted by the next run; one whose proof was cut off is worth another look.
      if (error instanceof OperatorError)
        await dropIndex(this.buildContext(), builtName, this.waitMs).catch(() => undefined);
      throw error;
    }
  }

  /** An index that cannot be dropped now is tidied away by the next run: the result is in place all the same. */
  private async drop(name: string): Promise<void> {
    try {
      await dropIndex(this.buildContext(), name, this.waitMs);
      this.result.dropped.push(name);
    } catch (error) {
      if (isConnectionLost(error)) throw error;
      this.warn(`${name} could not be dropped yet (${messageOf(error)}); the next apply does it`);
    }
  }

  private async resetWorkers(table: string): Promise<void> {
    await setLockTimeout(this.sessions.control, this.waitMs);
    await this.sessions.control.query(`ALTER TABLE ${quoteIdent(table)} RESET (parallel_workers)`);
    this.options.progress.note(`reset parallel_workers of ${table}, left by a build that was cut off`);
  }

  /** New sessions start with these; a pool's sessions take them up when they are renewed. */
  private async applySearchSettings(seen: IndexOverview): Promise<void> {
    const wanted = searchChanges(this.searchNow(seen), seen.searchWanted);
    if (wanted.length === 0) return;
    if (!seen.server.ownsDatabase) {
      for (const [parameter, value] of wanted)
        this.warn(`${parameter} should be ${value}; only the owner of the database can set it`);
    } else {
      await setForDatabase(this.sessions.control, wanted, this.options.progress);
      this.result.changed = true;
    }
    for (const [parameter, value] of wanted) this.result.searchSettings[parameter] = value;
  }

  private searchNow(seen: IndexOverview): SearchSettings {
    const { ['hnsw.ef_search']: efSearch, ['ivfflat.probes']: probes } = this.result.searchSettings;
    return {
      ...seen.searchNow,
      ...(efSearch === undefined ? {} : { efSearch }),
      ...(probes === undefined ? {} : { probes }),
    };
  }

  /** A lost connection is opened again, and the next round finds what became of the work; anything else is told. */
  private async recover(error: unknown): Promise<void> {
    if (!(error instanceof BuildConnectionLost) && !isConnectionLost(error)) throw error;
    const { clock, progress } = this.options;
    this.lost++;
    if (this.lost > MAX_LOST_BUILDS) {
      throw new OperatorError(`the server was lost ${this.lost} times during the work: ${messageOf(error)}`, {
        next: "read the server's log: a build that takes all memory is ended by the system",
        cause: error,
      });
    }
    progress.note(`the connection was lost (${messageOf(error)}); connecting again`);
    const waitMs = this.options.reconnectMs ?? DEFAULT_RECONNECT_MS;
    this.sessions = await reconnect(this.database, this.sessions, clock, waitMs, this.options.signal);
  }

  private watch(label: string, pid: number): BuildWatch {
    return new BuildWatch(this.buildContext(), label, pid);
  }

  private buildContext(): BuildContext {
    const { clock, progress, signal } = this.options;
    return { database: this.database, sessions: this.sessions, clock, progress, waitMs: this.waitMs, signal };
  }

  private record(entry: AppliedIndex): void {
    const at = this.result.indexes.findIndex(({ name }) => name === entry.name);
    if (at === -1) this.result.indexes.push(entry);
    else if (entry.outcome !== 'kept') this.result.indexes[at] = entry;
  }

  private warn(message: string): void {
    if (this.result.warnings.includes(message)) return;
    this.result.warnings.push(message);
    this.options.progress.note(`warning: ${message}`);
  }
}
