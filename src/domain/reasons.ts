import { ErrorReason } from "./contract.ts";

/** gRPC status codes, as numbers on the wire (google.rpc.Code). */
export const Code = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

const codeNames = new Map<number, string>(Object.entries(Code).map(([name, value]) => [value, name]));

/** Name of a status code, as gRPC writes it. */
export function codeName(code: Code): string {
  return codeNames.get(code) ?? "UNKNOWN";
}

const serverFaults: ReadonlySet<number> = new Set([
  Code.DEADLINE_EXCEEDED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
]);

/** Whether a server that answers with this code failed, by the OpenTelemetry RPC conventions; else its caller did. */
export function isServerFault(code: Code): boolean {
  return serverFaults.has(code);
}

type KnownReason = (typeof ErrorReason)[keyof typeof ErrorReason];

export interface ReasonRow {
  /** Status that callers see. */
  readonly code: Code;
  /** HTTP status of the HTTP door: the Connect protocol's status for the code. */
  readonly httpStatus: number;
  /** The same target may be asked again. */
  readonly mayRetry: boolean;
  /** Another target may be asked. */
  readonly mayFailOver: boolean;
  /**
   * Counts against the target's health. Not what the request or its caller caused, nor limits and keys: these say until
   * when, or for whom, the target must not be asked.
   */
  readonly blamesTarget: boolean;
}

function row(code: Code, httpStatus: number, mayRetry: boolean, mayFailOver: boolean, blamesTarget = false): ReasonRow {
  return { code, httpStatus, mayRetry, mayFailOver, blamesTarget };
}

/**
 * Everything that depends on why a call failed, in one place. A reason that may be retried may also fail over. A
 * prompt that a filter refused does not fail over: a provider's decision about content is no outage.
 */
const table: Readonly<Record<KnownReason, ReasonRow>> = {
  [ErrorReason.UNSPECIFIED]: row(Code.INTERNAL, 500, false, false),
  [ErrorReason.INVALID_REQUEST]: row(Code.INVALID_ARGUMENT, 400, false, false),
  [ErrorReason.NOT_IMPLEMENTED]: row(Code.UNIMPLEMENTED, 501, false, false),
  [ErrorReason.FEATURE_UNSUPPORTED]: row(Code.INVALID_ARGUMENT, 400, false, true),
  [ErrorReason.MODEL_NOT_FOUND]: row(Code.NOT_FOUND, 404, false, false),
  [ErrorReason.CONTEXT_LENGTH_EXCEEDED]: row(Code.INVALID_ARGUMENT, 400, false, true),
  [ErrorReason.CONTENT_FILTERED]: row(Code.INVALID_ARGUMENT, 400, false, false),
  [ErrorReason.DEADLINE_EXCEEDED]: row(Code.DEADLINE_EXCEEDED, 504, false, false),
  [ErrorReason.CANCELLED]: row(Code.CANCELLED, 499, false, false),
  [ErrorReason.SHUTTING_DOWN]: row(Code.UNAVAILABLE, 503, false, false),
  [ErrorReason.INTERNAL]: row(Code.INTERNAL, 500, false, false),
  [ErrorReason.SERVICE_NOT_FOUND]: row(Code.NOT_FOUND, 404, false, false),
  [ErrorReason.REQUEST_TOO_LARGE]: row(Code.RESOURCE_EXHAUSTED, 429, false, false),
  [ErrorReason.OVERLOADED]: row(Code.UNAVAILABLE, 503, false, true),
  [ErrorReason.STREAM_LOST]: row(Code.NOT_FOUND, 404, false, false),
  [ErrorReason.TARGETS_TAKEN_OUT]: row(Code.UNAVAILABLE, 503, false, false),
  [ErrorReason.UPSTREAM_INVALID_REQUEST]: row(Code.INVALID_ARGUMENT, 400, false, false),
  [ErrorReason.UPSTREAM_UNAUTHENTICATED]: row(Code.FAILED_PRECONDITION, 400, false, true),
  [ErrorReason.UPSTREAM_PERMISSION_DENIED]: row(Code.FAILED_PRECONDITION, 400, false, true),
  [ErrorReason.UPSTREAM_MODEL_NOT_FOUND]: row(Code.NOT_FOUND, 404, false, true),
  [ErrorReason.UPSTREAM_RATE_LIMITED]: row(Code.RESOURCE_EXHAUSTED, 429, true, true),
  [ErrorReason.UPSTREAM_QUOTA_EXHAUSTED]: row(Code.RESOURCE_EXHAUSTED, 429, false, true),
  [ErrorReason.UPSTREAM_REQUEST_TOO_LARGE]: row(Code.RESOURCE_EXHAUSTED, 429, false, true),
  [ErrorReason.UPSTREAM_OVERLOADED]: row(Code.UNAVAILABLE, 503, true, true, true),
  [ErrorReason.UPSTREAM_ERROR]: row(Code.UNAVAILABLE, 503, true, true, true),
  [ErrorReason.UPSTREAM_UNREACHABLE]: row(Code.UNAVAILABLE, 503, true, true, true),
  [ErrorReason.UPSTREAM_TLS_FAILED]: row(Code.UNAVAILABLE, 503, false, true, true),
  // A target that is silent once is left at once: waiting again could take the whole deadline.
  [ErrorReason.UPSTREAM_TIMEOUT]: row(Code.UNAVAILABLE, 503, false, true, true),
  [ErrorReason.UPSTREAM_TRUNCATED]: row(Code.UNAVAILABLE, 503, true, true, true),
  [ErrorReason.UPSTREAM_MALFORMED]: row(Code.UNAVAILABLE, 503, true, true, true),
  [ErrorReason.UPSTREAM_REDIRECTED]: row(Code.UNAVAILABLE, 503, false, true, true),
  [ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE]: row(Code.UNAVAILABLE, 503, false, true),
  [ErrorReason.UPSTREAM_INVALID_GENERATION]: row(Code.UNAVAILABLE, 503, false, true),
};

const rows = new Map<number, ReasonRow>(Object.entries(table).map(([reason, found]) => [Number(reason), found]));

export function reasonRow(reason: ErrorReason): ReasonRow {
  return rows.get(reason) ?? table[ErrorReason.UNSPECIFIED];
}

const names = new Map<number, string>(Object.entries(ErrorReason).map(([name, value]) => [value, name]));

/** Name of a reason as callers see it in `ErrorInfo.reason`: the enum's, without its prefix. */
export function reasonName(reason: ErrorReason): string {
  return names.get(reason) ?? "UNSPECIFIED";
}
