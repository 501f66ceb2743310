/**
 * `pulumi-language-nodejs` for a machine that cannot download the official one: the gRPC service by which the engine
 * starts a Node.js program or policy pack. It runs the SDK's own `cmd/run` exactly as the official host does; what it
 * leaves out (code generation, linking, debugging) this project does not use.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import services from '@pulumi/pulumi/proto/language_grpc_pb';
import messages from '@pulumi/pulumi/proto/language_pb';
import { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb';
import { whenEngineGone } from './plugins/lifetime';

/** cmd/run ends with this code when it has told the engine the error itself. */
const EXIT_ERROR_WAS_REPORTED = 32;

const sdk = join(require.resolve('@pulumi/pulumi/package.json'), '..');
const children = new Set<ChildProcess>();

type Call<Request> = ServerUnaryCall<Request, unknown>;
type Options = { nodeargs?: string; typescript?: boolean };

function optionsOf(info: messages.ProgramInfo | undefined): Options {
  return info?.getOptions()?.toJavaScript() ?? {};
}

function start(script: string, nodeArgs: string[], args: string[], cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn('node', [...nodeArgs, join(sdk, 'cmd', script), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.on('close', () => children.delete(child));
  return child;
}

function run(call: Call<messages.RunRequest>, answer: sendUnaryData<unknown>): void {
  const request = call.request;
  const info = request.getInfo();
  const options = optionsOf(info);
  const flags: [string, string][] = [
    ['--monitor', request.getMonitorAddress()],
    ['--engine', engineAddress],
    ['--project', request.getProject()],
    ['--stack', request.getStack()],
    ['--organization', request.getOrganization()],
    ['--root-directory', info?.getRootDirectory() ?? ''],
    ['--pwd', request.getPwd()],
    ['--parallel', String(request.getParallel())],
  ];
  const args = flags.filter(([, value]) => value !== '').flat();
  if (request.getDryrun()) args.push('--dry-run');
  args.push(info?.getEntryPoint() ?? request.getProgram(), ...request.getArgsList());
  const env = {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    PULUMI_NODEJS_TYPESCRIPT: String(options.typescript ?? true),
  };
  const nodeArgs = (options.nodeargs ?? '').split(/\s+/).filter((arg) => arg !== '');
  const child = start('run', nodeArgs, args, info?.getProgramDirectory() ?? request.getPwd(), env);
  // The engine shows what a host writes; the program's own output belongs to the person running it.
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  const response = new messages.RunResponse();
  child.on('error', (error) =>
    answer({ code: status.INTERNAL, details: `node could not be started: ${error.message}` }),
  );
  child.on('close', (code, signal) => {
    if (code === EXIT_ERROR_WAS_REPORTED) response.setBail(true);
    else if (code !== 0)
      response.setError(`the program ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}`);
    answer(null, response);
  });
}

/** Runs a policy pack; its first line of output is the port it listens on, and the engine waits for it. */
function runPlugin(call: ServerWritableStream<messages.RunPluginRequest, messages.RunPluginResponse>): void {
  const request = call.request;
  const info = request.getInfo();
  const script = request.getKind() === 'analyzer' || request.getKind() === '' ? 'run-policy-pack' : 'run-plugin';
  const env = { ...process.env };
  for (const pair of request.getEnvList()) env[pair.slice(0, pair.indexOf('='))] = pair.slice(pair.indexOf('=') + 1);
  env['PULUMI_NODEJS_TYPESCRIPT'] ??= String(optionsOf(info).typescript ?? true);
  const directory = info?.getProgramDirectory() ?? request.getProgram();
  const child = start(script, [], [...request.getArgsList(), directory], directory, env);
  const send = (fill: (response: messages.RunPluginResponse) => void): void => {
    const response = new messages.RunPluginResponse();
    fill(response);
    call.write(response);
  };
  child.stdout?.on('data', (data: Buffer) => send((response) => response.setStdout(data)));
  child.stderr?.on('data', (data: Buffer) => send((response) => response.setStderr(data)));
  child.on('close', (code) => {
    send((response) => response.setExitcode(code ?? 1));
    call.end();
  });
  call.on('cancelled', () => child.kill());
}

const engineAddress = process.argv.slice(2).find((arg) => !arg.startsWith('-')) ?? '';

const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
const handlers: Record<string, unknown> = {
  handshake: (_: unknown, answer: sendUnaryData<unknown>) => answer(null, new messages.LanguageHandshakeResponse()),
  getPluginInfo: (_: unknown, answer: sendUnaryData<unknown>) => {
    const info = new PluginInfo();
    info.setVersion('0.0.0');
    answer(null, info);
  },
  // Plugins come from PATH here; naming none keeps the engine from trying to download any.
  getRequiredPlugins: (_: unknown, answer: sendUnaryData<unknown>) =>
    answer(null, new messages.GetRequiredPluginsResponse()),
  getRequiredPackages: (_: unknown, answer: sendUnaryData<unknown>) =>
    answer(null, new messages.GetRequiredPackagesResponse()),
  getProgramDependencies: (_: unknown, answer: sendUnaryData<unknown>) =>
    answer(null, new messages.GetProgramDependenciesResponse()),
  runtimeOptionsPrompts: (_: unknown, answer: sendUnaryData<unknown>) =>
    answer(null, new messages.RuntimeOptionsResponse()),
  about: (_: unknown, answer: sendUnaryData<unknown>) => {
    const about = new messages.AboutResponse();
    about.setExecutable(process.execPath);
    about.setVersion(process.version);
    answer(null, about);
  },
  // Dependencies are installed by npm before anything runs.
  installDependencies: (call: ServerWritableStream<unknown, unknown>) => call.end(),
  cancel: (_: unknown, answer: sendUnaryData<unknown>) => {
    for (const child of children) child.kill();
    answer(null, new Empty());
  },
  run,
  runPlugin,
};
const definition = (services as unknown as { LanguageRuntimeService: Parameters<Server['addService']>[0] })
  .LanguageRuntimeService;
server.addService(definition, handlers as Parameters<Server['addService']>[1]);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});

// The engine stops its plugins by closing them; one that is killed leaves nobody to do so.
function end(): void {
  for (const child of children) child.kill();
  process.exit(0);
}
whenEngineGone(end);
// The engine asks its plugins to end by SIGINT and waits 5 s for each that does not.
process.on('SIGINT', end);
process.on('SIGTERM', end);
