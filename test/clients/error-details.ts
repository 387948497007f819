/** Reads google.rpc details with the definitions that are published for everybody. */
import { equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";

const definitions = loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"], {
  includeDirs: [join(import.meta.dirname, "../../node_modules/google-proto-files")],
});

/** A detail, packed: its full type name, and its bytes. */
export interface Detail {
  readonly type: string;
  readonly value: Buffer;
}

interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

interface BadRequest {
  readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
}

/** The content of `grpc-status-details-bin`. */
export function readStatus(bytes: Buffer): { code: number; message: string; details: Detail[] } {
  const { code, message, details } = read<Status>("google.rpc.Status", bytes);
  return {
    code,
    message,
    details: details.map(({ type_url, value }) => ({ type: type_url.split("/")[1] ?? "", value })),
  };
}

export function findBadRequest(details: readonly Detail[]): BadRequest | undefined {
  return find<BadRequest>("google.rpc.BadRequest", details);
}

/** Throws unless the details tell this reason. */
export function checkErrorInfo(details: readonly Detail[], reason: string): void {
  const info = find<ErrorInfo>("google.rpc.ErrorInfo", details);
  ok(info !== undefined, "there is an ErrorInfo among the details");
  equal(info.reason, reason);
  equal(info.domain, "sluice");
}

/** The request id that an ErrorInfo tells. */
export function requestIdIn(details: readonly Detail[]): string | undefined {
  return find<ErrorInfo>("google.rpc.ErrorInfo", details)?.metadata.request_id;
}

function find<T>(type: string, details: readonly Detail[]): T | undefined {
  const found = details.find((detail) => detail.type === type);
  return found === undefined ? undefined : read<T>(type, found.value);
}

function read<T>(type: string, bytes: Buffer): T {
  const definition = definitions[type];
  ok(definition !== undefined && "deserialize" in definition, `${type} is a message`);
  return (definition as MessageTypeDefinition<object, object>).deserialize(bytes) as T;
}
