/** Lines for the engine's display. */
import * as grpc from '@grpc/grpc-js';
import { EngineClient } from '@pulumi/pulumi/proto/engine_grpc_pb';
import { LogRequest, LogSeverity } from '@pulumi/pulumi/proto/engine_pb';

/** Sends status lines to the engine; a plugin without an engine (a test) drops them. */
export class EngineLog {
  #client: EngineClient | undefined;

  /** @param address host:port of the engine, or undefined */
  constructor(private address: string | undefined) {}

  /** Uses another engine from now on. */
  connect(address: string): void {
    this.close();
    this.address = address;
  }

  /**
   * Shows a line in the status column of a resource. It is not repeated at the end of the run, as with the real plugin.
   * A line that cannot be delivered is lost: the work goes on.
   */
  status(urn: string, line: string): void {
    if (this.address === undefined || this.address === '') return;
    this.#client ??= new EngineClient(this.address, grpc.credentials.createInsecure());
    const request = new LogRequest().setSeverity(LogSeverity.INFO).setMessage(line).setUrn(urn).setEphemeral(true);
    this.#client.log(request, () => undefined);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}
