/**
 * The gRPC server of a plugin: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto, spoken with the
 * stubs that the SDK ships. It prints its port on standard output, as the engine expects, and nothing else there.
 */
import * as grpc from '@grpc/grpc-js';
import * as emptyProto from 'google-protobuf/google/protobuf/empty_pb';
import * as provider from '@pulumi/pulumi/proto/provider_grpc_pb';
import * as pb from '@pulumi/pulumi/proto/provider_pb';
import * as plugin from '@pulumi/pulumi/proto/plugin_pb';
import { checkInputs, withoutSecret } from './check';
import { diffProperties } from './diff';
import { EngineLog } from './engineLog';
import { whenEngineGone } from './lifetime';
import { previewOfCreate, previewOfUpdate, withSecrets, working } from './outputs';
import { PartialFailure, type Operation, type ProviderPlugin, type ResourceType } from './provider';
import { schemaJson } from './spec';
import { nameOfUrn, typeOfUrn } from './urn';
import { initFailure, toStruct, writeChecked, writeDiff } from './wire';
import { propertiesFromWire, type PlainProperties, type Properties } from './values';

/** As the SDK and the engine: a state may hold large outputs. */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;
/** Cancelled work has this long to end before the process does. */
const CANCEL_GRACE_MS = 15_000;

const ENGINE_KEYS: ReadonlySet<string> = new Set(['version', 'pluginDownloadURL', 'pluginChecksums']);

type Request<T> = grpc.ServerUnaryCall<T, unknown>;
type Reply<T> = grpc.sendUnaryData<T>;

/**
 * Serves the plugin until the engine cancels it or is gone.
 * @param engineAddress where the engine listens for log lines; the plugin's first argument
 */
export async function serve(plugged: ProviderPlugin, engineAddress: string | undefined): Promise<void> {
  const engine = new EngineLog(engineAddress);
  const cancel = new AbortController();
  const running = new Set<Promise<unknown>>();
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });

  const resourceOf = (urn: string): ResourceType => {
    const type = typeOfUrn(urn);
    const resource = plugged.resources[type];
    if (resource === undefined) {
      throw new Error(
        `the offline ${plugged.name} plugin does not know the resource type ${type}; it knows: ${Object.keys(plugged.resources).join(', ')}`,
      );
    }
    return resource;
  };
  const operation = (urn: string): Operation => ({
    urn,
    name: nameOfUrn(urn),
    signal: cancel.signal,
    log: (line) => engine.status(urn, line),
  });
  /** Runs a handler and turns what it throws into a gRPC error. */
  const handle =
    <Req, Res>(work: (request: Req) => Promise<Res> | Res): grpc.handleUnaryCall<Req, Res> =>
    (call: Request<Req>, reply: Reply<Res>) => {
      const done = (async () => work(call.request))().then(
        (response) => reply(null, response),
        (error: unknown) => reply(asStatus(error), null),
      );
      running.add(done);
      void done.finally(() => running.delete(done));
    };

  const info = (): plugin.PluginInfo => new plugin.PluginInfo().setVersion(plugged.version);

  const handlers: Record<string, grpc.UntypedHandleCall> = {
    handshake: handle(() => new pb.ProviderHandshakeResponse().setAcceptSecrets(true)),
    getPluginInfo: handle(info),
    attach: handle((request: plugin.PluginAttach) => {
      engine.connect(request.getAddress());
      return new emptyProto.Empty();
    }),
    getSchema: handle(() => {
      const specs = Object.entries(plugged.resources).map(([type, resource]) => [type, resource.spec] as const);
      return new pb.GetSchemaResponse().setSchema(schemaJson(plugged.name, plugged.version, Object.fromEntries(specs)));
    }),
    checkConfig: handle((request: pb.CheckRequest) => {
      const news = properties(request.getNews());
      const parsed = plugged.parseConfig?.(news) ?? { config: news, failures: [] };
      const checked = checkInputs(`the ${plugged.name} provider`, plugged.config, withoutEngineKeys(parsed.config));
      // the engine keeps provider inputs in the form the program gave them: text
      const unread = parsed.failures.map((failure) => withoutSecret(plugged.config, news, failure));
      return writeChecked(news, [...unread, ...checked.failures]);
    }),
    diffConfig: handle((request: pb.DiffRequest) =>
      writeDiff(diffProperties(plugged.config, properties(request.getOldInputs()), {}, properties(request.getNews()))),
    ),
    configure: handle((request: pb.ConfigureRequest) => {
      const news = properties(request.getArgs());
      const { config } = plugged.parseConfig?.(news) ?? { config: news };
      plugged.configure(working(withoutEngineKeys(config)));
      return new pb.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),
    check: handle((request: pb.CheckRequest) => {
      const resource = resourceOf(request.getUrn());
      const { inputs, failures } = checkInputs(
        typeOfUrn(request.getUrn()),
        resource.spec,
        properties(request.getNews()),
      );
      return writeChecked(inputs, failures);
    }),
    diff: handle((request: pb.DiffRequest) => {
      const olds = properties(request.getOlds());
      const oldInputs = request.getOldInputs() === undefined ? olds : properties(request.getOldInputs());
      return writeDiff(
        diffProperties(resourceOf(request.getUrn()).spec, oldInputs, olds, properties(request.getNews())),
      );
    }),
    create: handle(async (request: pb.CreateRequest) => {
      const resource = resourceOf(request.getUrn());
      const inputs = properties(request.getProperties());
      if (request.getPreview()) {
        return new pb.CreateResponse().setProperties(toStruct(previewOfCreate(resource.spec, inputs)));
      }
      const created = await keepingSecrets(resource, inputs, () =>
        resource.create(working(inputs), operation(request.getUrn()), inputs),
      );
      const outputs = withSecrets(resource.spec, inputs, created.outputs);
      return new pb.CreateResponse().setId(created.id).setProperties(toStruct(outputs));
    }),
    read: handle(async (request: pb.ReadRequest) => {
      const resource = resourceOf(request.getUrn());
      const [state, inputs] = [properties(request.getProperties()), properties(request.getInputs())];
      const found = await resource.read(request.getId(), working(state), working(inputs), operation(request.getUrn()));
      // an empty id says that the resource is gone
      if (found === undefined) return new pb.ReadResponse();
      const secrets = { ...state, ...inputs };
      const defaults = resource.spec.listsDefaults ? { __defaults: inputs['__defaults'] ?? [] } : {};
      return new pb.ReadResponse()
        .setId(found.id)
        .setProperties(toStruct(withSecrets(resource.spec, secrets, found.outputs)))
        .setInputs(toStruct(withSecrets(resource.spec, secrets, { ...defaults, ...found.inputs })));
    }),
    update: handle(async (request: pb.UpdateRequest) => {
      const resource = resourceOf(request.getUrn());
      const [state, inputs] = [properties(request.getOlds()), properties(request.getNews())];
      if (request.getPreview()) {
        return new pb.UpdateResponse().setProperties(toStruct(previewOfUpdate(resource.spec, state, inputs)));
      }
      const outputs = await keepingSecrets(resource, inputs, () =>
        resource.update(request.getId(), working(state), working(inputs), operation(request.getUrn()), inputs),
      );
      return new pb.UpdateResponse().setProperties(toStruct(withSecrets(resource.spec, inputs, outputs)));
    }),
    delete: handle(async (request: pb.DeleteRequest) => {
      const state = properties(request.getProperties());
      await resourceOf(request.getUrn()).delete(request.getId(), working(state), operation(request.getUrn()), state);
      return new emptyProto.Empty();
    }),
    cancel: handle(() => {
      cancel.abort();
      return new emptyProto.Empty();
    }),
    invoke: handle((request: pb.InvokeRequest): pb.InvokeResponse => {
      const called = plugged.functions?.[request.getTok()];
      if (called === undefined)
        throw new Error(
          `the offline ${plugged.name} plugin has no function ${request.getTok()}; it needs the real one`,
        );
      return new pb.InvokeResponse().setReturn(toStruct(called(working(properties(request.getArgs())))));
    }),
  };
  server.addService(provider.ResourceProviderService, handlers);

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  process.stdout.write(`${port}\n`);

  const end = (): void => {
    cancel.abort();
    const timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), CANCEL_GRACE_MS);
    void Promise.allSettled([...running]).then(() => {
      clearTimeout(timer);
      server.forceShutdown();
      engine.close();
      // our own SIGTERM handler is gone by now (once), so this ends the process without waiting for idle handles
      process.kill(process.pid, 'SIGTERM');
    });
  };
  whenEngineGone(end);
  process.once('SIGTERM', end);
  // The engine ends an idle plugin by SIGINT and waits 5 s for one that stays. While something runs a SIGINT can only be
  // a Ctrl-C that reached the whole process group; what that means the engine decides, and sends Cancel.
  process.on('SIGINT', () => {
    if (running.size === 0) end();
  });
}

/** A provider's configuration without what the engine adds about where the plugin comes from. */
function withoutEngineKeys(config: Properties): Properties {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !ENGINE_KEYS.has(key)));
}

/** The properties of a message. */
function properties(struct: { toJavaScript(): object } | undefined): Properties {
  return propertiesFromWire(struct?.toJavaScript());
}

/** Puts the secrets of the inputs back into what a half-done resource leaves behind. */
async function keepingSecrets<T>(resource: ResourceType, inputs: Properties, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PartialFailure) {
      throw new PartialFailure(
        error.message,
        error.id,
        withSecrets(resource.spec, inputs, error.outputs) as unknown as PlainProperties,
      );
    }
    throw error;
  }
}

function asStatus(error: unknown): Partial<grpc.StatusObject> & { name: string; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  const status = { name: 'Error', message, code: grpc.status.UNKNOWN, details: message };
  if (!(error instanceof PartialFailure)) return status;
  return { ...status, metadata: initFailure(message, error.id, error.outputs) };
}
