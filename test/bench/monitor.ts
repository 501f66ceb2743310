/**
 * An engine that agrees to everything: the two gRPC services that a Pulumi program talks to. With it, what a preview
 * costs in Node is measured without what it costs in the engine and the plugins.
 */
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import { Struct, type JavaScriptValue } from 'google-protobuf/google/protobuf/struct_pb';
import engineServices from '@pulumi/pulumi/proto/engine_grpc_pb';
import engine from '@pulumi/pulumi/proto/engine_pb';
import resourceServices from '@pulumi/pulumi/proto/resource_grpc_pb';
import resource from '@pulumi/pulumi/proto/resource_pb';

type Answer = sendUnaryData<unknown>;
type Service = Parameters<Server['addService']>[0];

export interface RegisteredResource {
  type: string;
  name: string;
  custom: boolean;
  inputs: Record<string, JavaScriptValue>;
}

export interface AgreeableEngine {
  address: string;
  /** The resources that were registered, in order. */
  registered: RegisteredResource[];
  /** Errors that the program reported. */
  errors: string[];
  stop(): void;
}

/** @param answers what functions of providers give, by token; nothing for others */
export async function agreeableEngine(
  project: string,
  stack: string,
  answers: Readonly<Record<string, Record<string, JavaScriptValue>>> = {},
): Promise<AgreeableEngine> {
  const registered: RegisteredResource[] = [];
  const errors: string[] = [];
  let root = '';
  const empty = (_: unknown, answer: Answer): void => answer(null, new Empty());
  const monitor = {
    supportsFeature: (_: unknown, answer: Answer) => {
      const response = new resource.SupportsFeatureResponse();
      response.setHassupport(true);
      answer(null, response);
    },
    registerResource: (call: ServerUnaryCall<resource.RegisterResourceRequest, unknown>, answer: Answer) => {
      const request = call.request;
      registered.push({
        type: request.getType(),
        name: request.getName(),
        custom: request.getCustom(),
        inputs: request.getObject()?.toJavaScript() ?? {},
      });
      const response = new resource.RegisterResourceResponse();
      response.setUrn(`urn:pulumi:${stack}::${project}::${request.getType()}::${request.getName()}`);
      // A preview of something new: the outputs are the inputs, and there is no id yet.
      response.setObject(request.getObject() ?? new Struct());
      answer(null, response);
    },
    invoke: (call: ServerUnaryCall<resource.ResourceInvokeRequest, unknown>, answer: Answer) => {
      const response = new resource.ResourceInvokeResponse();
      response.setReturn(Struct.fromJavaScript(answers[call.request.getTok()] ?? {}));
      answer(null, response);
    },
    registerPackage: (_: unknown, answer: Answer) => {
      const response = new resource.RegisterPackageResponse();
      response.setRef('package');
      answer(null, response);
    },
    // Where this is not implemented, as in CLIs older than the SDK, the program asks feature by feature.
    getDeploymentInfo: (_: unknown, answer: Answer) =>
      answer({ code: status.UNIMPLEMENTED, details: 'asks for each feature' }),
    registerResourceOutputs: empty,
    registerStackTransform: empty,
    registerStackInvokeTransform: empty,
    registerResourceHook: empty,
    registerErrorHook: empty,
    signalAndWaitForShutdown: empty,
  };
  const host = {
    log: (call: ServerUnaryCall<engine.LogRequest, unknown>, answer: Answer) => {
      if (call.request.getSeverity() === engine.LogSeverity.ERROR) errors.push(call.request.getMessage());
      answer(null, new Empty());
    },
    getRootResource: (_: unknown, answer: Answer) => {
      const response = new engine.GetRootResourceResponse();
      response.setUrn(root);
      answer(null, response);
    },
    setRootResource: (call: ServerUnaryCall<engine.SetRootResourceRequest, unknown>, answer: Answer) => {
      root = call.request.getUrn();
      answer(null, new engine.SetRootResourceResponse());
    },
    startDebugging: empty,
    requirePulumiVersion: (_: unknown, answer: Answer) => answer(null, new engine.RequirePulumiVersionResponse()),
  };
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(
    (resourceServices as unknown as { ResourceMonitorService: Service }).ResourceMonitorService,
    monitor,
  );
  server.addService((engineServices as unknown as { EngineService: Service }).EngineService, host);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, registered, errors, stop: () => server.forceShutdown() };
}
