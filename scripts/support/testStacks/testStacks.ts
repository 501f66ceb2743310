/** Test stacks of this checkout: made, looked at, extended and destroyed. `infra/ops/stacks` decides; this reaches out. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { taggedResources } from '../../../infra/adapters/aws/tagged';
import { currentMoment } from '../../../infra/adapters/bootClock';
import { evidenceFile, forgetEvidence } from '../../../infra/adapters/keptEvidence';
import { LocalCluster } from '../../../infra/adapters/localServer/cluster';
import { readRecord, stackLayout } from '../../../infra/adapters/localServer/layout';
import { joinTraces, machinePlaces, machineTraces, runsOn } from '../../../infra/adapters/localServer/remains';
import { OperatorError, UsageError } from '../../../infra/ops/errors';
import type { ProgressSink } from '../../../infra/ops/ports';
import { proveGone, type Place, type Remainder, type TeardownProof } from '../../../infra/ops/stacks/leftovers';
import { elapsedMs, extendedTtlHours, HOUR_MS, type StackFacts } from '../../../infra/ops/stacks/lifetime';
import { checkStackName, freeStackName } from '../../../infra/ops/stacks/names';
import { checkClock, staysListed } from '../../../infra/ops/stacks/tagged';
import { stackFile, writePrivateFile } from '../../toolchain/stackFile';
import { removeStaleLocks, type Toolchain } from '../../toolchain/toolchain';
import type { CliContext } from '../context';
import { stackFileText } from '../stackFileText';
import { judgedSettings, rawConfigOf, settingsFile } from '../stackSettings';
import { clientsOf } from './clients';
import { Markers, type Marker } from './marker';
import { PulumiState } from './pulumiState';
import { readTag, TAG, tagText } from './stackTag';
import { testStackConfig, type WantedStack } from './settings';

export interface MadeStack {
  name: string;
  tier: string;
  port: number | null;
  /** ISO 8601; from then on it may be swept. */
  expiresAt: string;
  seconds: number;
}

/** A lock of another machine's run that is older than the longest job of a runner is a dead one's. */
const LONGEST_RUN_MS = 6 * HOUR_MS;
const COMMENT = ['A test stack, made by qbench stack create; qbench stack destroy removes it and this file.'];

export class TestStacks {
  readonly markers: Markers;
  readonly state: PulumiState;

  constructor(
    private readonly context: CliContext,
    private readonly toolchain: Toolchain,
    private readonly progress: ProgressSink,
  ) {
    this.markers = new Markers(toolchain.paths);
    this.state = new PulumiState(toolchain);
  }

  /** Makes a test stack, or brings one that is there up to date. @throws OperatorError where `pulumi up` failed */
  async create(name: string | undefined, wanted: Omit<WantedStack, 'createdMs'>): Promise<MadeStack> {
    const started = performance.now();
    const known = await this.toolchain.stacks();
    const taken = new Set([...known, ...this.markers.all()].map((each) => each.name));
    const stack = name ?? freeStackName(taken, Math.random);
    checkStackName(stack);
    const before = await this.markerOf(stack);
    const now = currentMoment();
    const created = before?.created ?? now;
    const config = testStackConfig({ ...wanted, createdMs: created.wallMs });
    const settings = judgedSettings(config, stack, this.toolchain.context.checkout);
    const region = settings.tier === 'local' ? '' : settings.aws.region;
    if (before === undefined) this.refuseTaken(stack, taken);
    if (region !== '') checkClock(Date.now(), (await taggedResources(region, stack)).awsTimeMs);

    const marker: Marker = {
      name: stack,
      tier: settings.tier,
      region,
      phase: 'creating',
      created,
      changed: now,
      ttlHours: settings.ttlHours,
    };
    this.markers.write(marker);
    writePrivateFile(this.file(stack), stackFileText(config, COMMENT));
    await this.toolchain.ensureStack(stack, false);
    if (!this.toolchain.backend.own) await this.setTag(marker);
    await this.pulumi('up', stack, `making stack ${stack}`);
    this.markers.write({ ...marker, phase: 'ready', changed: currentMoment() });
    return {
      name: stack,
      tier: settings.tier,
      port: readRecord(stackLayout(this.toolchain.context, stack))?.port ?? null,
      expiresAt: new Date(created.wallMs + settings.ttlHours * HOUR_MS).toISOString(),
      seconds: Math.round((performance.now() - started) / 100) / 10,
    };
  }

  /** What this machine, its checkout and its backend know of test stacks. */
  async all(): Promise<Marker[]> {
    const here = this.markers.all();
    if (this.toolchain.backend.own) return here;
    const names = (await this.toolchain.stacks('--tag', TAG)).map(({ name }) => name);
    const others = names.filter((name) => !here.some((marker) => marker.name === name));
    const found = await Promise.all(others.map((name) => this.markerOf(name)));
    return [...here, ...found.filter((marker) => marker !== undefined)];
  }

  /** @returns undefined where nothing says that this is a test stack */
  async markerOf(stack: string): Promise<Marker | undefined> {
    const here = this.markers.read(stack);
    if (here !== undefined || this.toolchain.backend.own) return here;
    const entry = (await this.toolchain.stacks('--tag', TAG)).find(({ name }) => name === stack);
    if (entry === undefined) return undefined;
    const tag = await this.toolchain.capture(['stack', 'tag', 'get', TAG, '--stack', stack]);
    return readTag(stack, tag.stdout.trim(), Date.parse(entry.lastUpdate ?? ''), (entry.resourceCount ?? 0) > 0);
  }

  async factsOf(marker: Marker): Promise<StackFacts> {
    const { name, tier, region, phase, created, ttlHours } = marker;
    if (this.toolchain.backend.own) removeStaleLocks(this.toolchain.paths.backend);
    const changedMs = this.state.changedMs(name);
    const changed =
      changedMs !== undefined && changedMs > marker.changed.wallMs ? { wallMs: changedMs } : marker.changed;
    return {
      name,
      tier,
      ephemeral: true,
      protections: await this.protections(name),
      phase,
      created,
      changed,
      ttlHours,
      runs: [
        ...runsOn(this.toolchain.context, name).map(({ pid, what }) => `${what} (pid ${pid})`),
        ...this.state.locks(name),
      ],
      clients: await clientsOf(this.toolchain.context, name, region),
    };
  }

  /** Lets it live so many hours from now. @returns its new end */
  async extend(stack: string, hours: number): Promise<{ name: string; ttlHours: number; expiresAt: string }> {
    const marker = await this.existing(stack);
    const now = currentMoment();
    const ttlHours = extendedTtlHours(elapsedMs(marker.created, now) ?? 0, hours);
    const file = settingsFile(this.toolchain.context.checkout, stack, this.toolchain.context.stateDir);
    if (file === undefined) {
      throw new OperatorError(`the settings of stack ${stack} are not on this machine`, {
        next: `extend it where it was made, or make it again here: qbench stack create ${stack} --ttl ${ttlHours}`,
      });
    }
    const config = { ...rawConfigOf(file), ttlHours };
    writePrivateFile(this.file(stack), stackFileText(config, COMMENT));
    const extended = { ...marker, ttlHours, changed: now };
    this.markers.write(extended);
    if (!this.toolchain.backend.own) await this.setTag(extended);
    // The tags of its resources are what a sweeper on another machine reads.
    if (marker.tier !== 'local') await this.pulumi('up', stack, `writing the new time to live of stack ${stack}`);
    return { name: stack, ttlHours, expiresAt: new Date(marker.created.wallMs + ttlHours * HOUR_MS).toISOString() };
  }

  /**
   * Destroys a test stack and proves it gone. Finishes what an interrupted run began.
   * @throws OperatorError where it is protected, or where `pulumi destroy` failed: then everything that is left stays known
   */
  async destroy(stack: string): Promise<TeardownProof> {
    const { context } = this.toolchain;
    const marker = await this.existing(stack);
    const protections = await this.protections(stack);
    if (protections.length > 0) {
      throw new OperatorError(`stack ${stack} is protected: ${protections.join(', ')}`, {
        next: 'qbench stack destroy takes test stacks only; a stack with protected data ends by npm run destroy',
      });
    }
    const traces = joinTraces(marker.traces, machineTraces(context, stack));
    this.markers.write({ ...marker, phase: 'destroying', changed: currentMoment(), traces });
    const state = await this.state.read(stack);
    if (state !== undefined) {
      const file = this.file(stack);
      // Made on another machine: the state knows what its secrets are encrypted with.
      if (!existsSync(file.copy)) {
        writeFileSync(file.copy, state.salt === undefined ? '' : `encryptionsalt: ${state.salt}\n`, { mode: 0o600 });
      }
      await this.pulumiDestroy(stack);
    }
    // A first run that was killed may have started a server which no state knows of.
    await new LocalCluster(context, stack, this.context.clock, this.progress).destroy();
    await this.state.forget(stack);
    rmSync(this.file(stack).copy, { force: true });
    forgetEvidence(context, stack);
    const proof = await proveGone(stack, this.places(stack, marker, traces));
    if (proof.gone) this.markers.remove(stack);
    return proof;
  }

  /** Every place where something of the stack could be, for a stack of any standing. */
  places(stack: string, marker: Marker | undefined, traces = machineTraces(this.toolchain.context, stack)): Place[] {
    const { context } = this.toolchain;
    const region = marker?.region ?? '';
    return [
      ...machinePlaces(context, stack, joinTraces(marker?.traces, traces)),
      { name: 'the Pulumi backend', look: () => this.state.remains(stack) },
      { name: 'its stack file', look: () => stackFiles(this.file(stack).copy, evidenceFile(context, stack)) },
      ...(region === '' ? [] : [{ name: `tags of the account in ${region}`, look: () => tagged(region, stack) }]),
    ];
  }

  private async existing(stack: string): Promise<Marker> {
    const marker = await this.markerOf(stack);
    if (marker !== undefined) return marker;
    const names = (await this.all()).map(({ name }) => name);
    throw new UsageError(`"${stack}" is no test stack`, {
      allowed: names.length === 0 ? 'there is none at the moment' : names.join(', '),
      next: 'qbench stack list shows them; a stack of another kind ends by npm run destroy -- --stack NAME',
    });
  }

  private refuseTaken(stack: string, taken: ReadonlySet<string>): void {
    const tracked = this.file(stack).tracked;
    const record = readRecord(stackLayout(this.toolchain.context, stack));
    if (!taken.has(stack) && !existsSync(tracked) && record === undefined) return;
    throw new UsageError(`stack "${stack}" exists and is no test stack`, {
      next: 'choose another name, or leave it out: one is made up',
    });
  }

  /** What keeps a stack from being taken: its settings, and what the engine refuses to delete. */
  private async protections(stack: string): Promise<string[]> {
    const { checkout, stateDir } = this.toolchain.context;
    const file = settingsFile(checkout, stack, stateDir);
    const found: string[] = [];
    if (file !== undefined) {
      const raw = rawConfigOf(file);
      if (raw['protectData'] !== false && Object.keys(raw).length > 0) found.push('protectData is not false');
      if (raw['environment'] === 'production') found.push('environment is production');
      if (raw['ephemeral'] !== true && Object.keys(raw).length > 0) found.push('ephemeral is not true');
    }
    const state = await this.state.read(stack);
    return [...found, ...(state?.protected ?? []).map((name) => `resource ${name}`)];
  }

  private file(stack: string): ReturnType<typeof stackFile> {
    return stackFile(this.toolchain.context, this.toolchain.paths, stack);
  }

  private async setTag(marker: Marker): Promise<void> {
    const args = ['stack', 'tag', 'set', TAG, tagText(marker), '--stack', marker.name];
    const result = await this.toolchain.capture(args);
    if (result.code !== 0) throw new OperatorError(`pulumi stack tag set failed: ${result.stderr.trim()}`);
  }

  private async pulumiDestroy(stack: string): Promise<void> {
    try {
      await this.pulumi('destroy', stack, `destroying stack ${stack}`);
    } catch (error) {
      const since = /created by \S+ \(pid \d+\) at (\S+)/.exec(error instanceof Error ? error.message : '')?.[1];
      if (since === undefined || Date.now() - Date.parse(since) < LONGEST_RUN_MS) throw error;
      this.progress.note(`removing a lock of ${since}: no run takes that long`);
      await this.toolchain.capture(['cancel', '--yes', '--stack', stack, '--non-interactive']);
      await this.pulumi('destroy', stack, `destroying stack ${stack}`);
    }
  }

  /** @throws OperatorError with the last words of the CLI */
  private async pulumi(verb: 'up' | 'destroy', stack: string, phase: string): Promise<void> {
    let done = 0;
    this.progress.update({ phase });
    const args = [verb, '--yes', '--skip-preview', '--stack', stack, '--config-file', this.file(stack).copy];
    const { code, tail } = await this.toolchain.follow(
      args,
      (line) => {
        if (!/ (created|updated|deleted)( \(|$)/.test(line)) return;
        done++;
        this.progress.update({ phase, done, unit: 'resources' });
      },
      this.context.signal,
    );
    if (code === 0) return;
    const diagnostics = tail.findIndex((line) => line.startsWith('Diagnostics:'));
    const words = (diagnostics < 0 ? tail.slice(-8) : tail.slice(diagnostics + 1)).map((line) => line.trim());
    throw new OperatorError(`pulumi ${verb} of stack ${stack} failed:\n    ${words.join('\n    ')}`, {
      next: `correct the cause and run it again, or remove it: qbench stack destroy ${stack}; a sweep removes it too`,
    });
  }
}

function stackFiles(...files: string[]): Remainder[] {
  return files.filter((file) => existsSync(file)).map((what) => ({ kind: 'stack file', what }));
}

async function tagged(region: string, stack: string): Promise<Remainder[]> {
  const { resources } = await taggedResources(region, stack);
  return resources.filter(({ arn }) => !staysListed(arn)).map(({ arn }) => ({ kind: 'cloud resource', what: arn }));
}
