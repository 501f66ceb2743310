/** Messages of the provider protocol from the plugins' own types. */
import * as grpc from '@grpc/grpc-js';
import * as anyProto from 'google-protobuf/google/protobuf/any_pb';
import * as structProto from 'google-protobuf/google/protobuf/struct_pb';
import * as pb from '@pulumi/pulumi/proto/provider_pb';
import * as statusProto from '@pulumi/pulumi/proto/status_pb';
import type { DiffKind, DiffResult } from './diff';
import type { CheckFailure } from './spec';
import { propertiesToWire, type Properties } from './values';

const { Kind } = pb.PropertyDiff;
const KINDS: Readonly<Record<DiffKind, readonly [plain: pb.PropertyDiff.Kind, replacing: pb.PropertyDiff.Kind]>> = {
  add: [Kind.ADD, Kind.ADD_REPLACE],
  delete: [Kind.DELETE, Kind.DELETE_REPLACE],
  update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
};

/** Properties as a protobuf Struct. */
export function toStruct(properties: Properties): structProto.Struct {
  return structProto.Struct.fromJavaScript(propertiesToWire(properties) as Record<string, structProto.JavaScriptValue>);
}

export function writeChecked(inputs: Properties, failures: readonly CheckFailure[]): pb.CheckResponse {
  const list = failures.map(({ property, reason }) => new pb.CheckFailure().setProperty(property).setReason(reason));
  return new pb.CheckResponse().setInputs(toStruct(inputs)).setFailuresList(list);
}

export function writeDiff(diff: DiffResult): pb.DiffResponse {
  const response = new pb.DiffResponse()
    .setChanges(
      diff.detailed.size === 0 ? pb.DiffResponse.DiffChanges.DIFF_NONE : pb.DiffResponse.DiffChanges.DIFF_SOME,
    )
    .setDiffsList([...diff.changed])
    .setReplacesList([...diff.replaces])
    .setDeletebeforereplace(diff.deleteBeforeReplace)
    .setHasdetaileddiff(true);
  for (const [path, { kind, replaces }] of diff.detailed) {
    const entry = new pb.PropertyDiff().setKind(KINDS[kind][replaces ? 1 : 0]);
    response.getDetaileddiffMap().set(path, entry);
  }
  return response;
}

/** The detail by which the engine learns that a resource exists although its creation failed half-way. */
export function initFailure(message: string, id: string, outputs: Properties): grpc.Metadata {
  const detail = new pb.ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(toStruct(outputs));
  detail.setReasonsList([message]);
  const packed = new anyProto.Any();
  packed.pack(detail.serializeBinary(), 'pulumirpc.ErrorResourceInitFailed');
  const status = new statusProto.Status().setCode(grpc.status.UNKNOWN).setMessage(message).setDetailsList([packed]);
  const metadata = new grpc.Metadata();
  metadata.add('grpc-status-details-bin', Buffer.from(status.serializeBinary()));
  return metadata;
}
