import { ErrorReason } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import type { ErrorHead } from "../dialect.ts";
import { asRecord, asString, parseJson } from "../json.ts";
import { quoteHtml } from "../quote.ts";
import { readRetryHint } from "../retry-hint.ts";
import { type Advice, upstreamFailure } from "../upstream-failure.ts";

/** What an error says of itself. */
interface Said {
  /** Its class in lower case, without name space, suffix and the word "exception"; empty where it names none. */
  readonly kind: string;
  readonly message: string;
  /** 0 for an exception inside a stream. */
  readonly status: number;
}

/** Reasons by class. Source: Bedrock API reference, "Converse" and "Common errors", read 2026-11. */
const byKind: Readonly<Record<string, ErrorReason>> = {
  accessdenied: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  notauthorized: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  optinrequired: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  unrecognizedclient: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  expiredtoken: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  invalidsignature: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  incompletesignature: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  invalidclienttokenid: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  missingauthenticationtoken: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  signaturedoesnotmatch: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  requestexpired: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  throttling: ErrorReason.UPSTREAM_RATE_LIMITED,
  toomanyrequests: ErrorReason.UPSTREAM_RATE_LIMITED,
  servicequotaexceeded: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  modelnotready: ErrorReason.UPSTREAM_OVERLOADED,
  serviceunavailable: ErrorReason.UPSTREAM_OVERLOADED,
  internalserver: ErrorReason.UPSTREAM_ERROR,
  internalfailure: ErrorReason.UPSTREAM_ERROR,
  modelerror: ErrorReason.UPSTREAM_ERROR,
  modelstreamerror: ErrorReason.UPSTREAM_ERROR,
  modeltimeout: ErrorReason.UPSTREAM_TIMEOUT,
  resourcenotfound: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  validation: ErrorReason.UPSTREAM_INVALID_REQUEST,
};

const byStatus: Readonly<Record<number, ErrorReason>> = {
  401: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  403: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  404: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  408: ErrorReason.UPSTREAM_TIMEOUT,
  413: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE,
  424: ErrorReason.UPSTREAM_ERROR,
  429: ErrorReason.UPSTREAM_RATE_LIMITED,
  503: ErrorReason.UPSTREAM_OVERLOADED,
};

/** Where one class has several meanings, the message decides: classes, pattern, reason. First match counts. */
const byMessage: readonly {
  readonly kinds: readonly string[];
  readonly pattern: RegExp;
  readonly reason: ErrorReason;
}[] = [
  {
    kinds: ["validation", "modelerror", ""],
    pattern:
      /(input|prompt) is too long|context (length|window|limit)|too many (input )?tokens|exceeds? the maximum (number of )?(input )?tokens/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  {
    kinds: ["validation", ""],
    // "… with on-demand throughput isn't supported": the model is there under the id of an inference profile only.
    pattern: /model identifier is invalid|on-demand throughput|model (id )?.*(not found|does not exist)/i,
    reason: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  },
  {
    kinds: ["validation", "modelerror", ""],
    pattern: /content filter(ing)? policy|blocked by (our|the) content/i,
    reason: ErrorReason.CONTENT_FILTERED,
  },
  // "Too many tokens per day, please wait before trying again."
  { kinds: ["throttling", "toomanyrequests"], pattern: /per day|daily/i, reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED },
  // "Too many connections, please wait before trying again." and the like come as 503, too.
  {
    kinds: ["serviceunavailable"],
    pattern: /too many (requests|tokens|connections)|throttl|slow down|reduce your request rate/i,
    reason: ErrorReason.UPSTREAM_RATE_LIMITED,
  },
  {
    kinds: ["accessdenied", ""],
    pattern: /api key|bearer token|security token|authentication failed|signature/i,
    reason: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  },
];

function classify({ kind, message, status }: Said): ErrorReason {
  const row = byMessage.find(({ kinds, pattern }) => kinds.includes(kind) && pattern.test(message));
  const reason = row?.reason ?? byKind[kind] ?? byStatus[status];
  if (reason !== undefined) return reason;
  return status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR;
}

/** `com.amazon.coral.service#ThrottlingException:http://…` and `throttlingException` are the same. */
function toKind(name: string): string {
  return name
    .replace(/:.*$/, "")
    .replace(/^.*#/, "")
    .toLowerCase()
    .replace(/exception$/, "");
}

function messageOf(body: unknown): string {
  const error = asRecord(body);
  return asString(error?.message) ?? asString(error?.Message) ?? asString(error?.originalMessage) ?? "";
}

/** Explains an answer whose status is no success. The class is in a header, in some answers in the body's `__type`. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const header = head.headers["x-amzn-errortype"];
  const name = (Array.isArray(header) ? header[0] : header) ?? asString(asRecord(parsed)?.__type) ?? "";
  const message = parsed === undefined ? quoteHtml(body) : messageOf(parsed);
  const said: Said = { kind: toKind(name), message, status: head.status };
  const retryAfterMs = readRetryHint(head.headers, message, wallNow);
  return toError(said, `The upstream answered ${head.status}`, head.status, retryAfterMs);
}

/** Explains an exception inside a stream; `name` is its `:exception-type`. */
export function explainInStream(name: string, data: string): GatewayError {
  const body = parseJson(data);
  const message = messageOf(body);
  const said: Said = { kind: toKind(asString(asRecord(body)?.__type) ?? name), message, status: 0 };
  return toError(said, "The upstream failed while it answered", undefined, readRetryHint({}, message, 0));
}

function toError(said: Said, what: string, status: number | undefined, retryAfterMs: number | undefined): GatewayError {
  return upstreamFailure(classify(said), { status, what, words: said.message, retryAfterMs, advice });
}

/** Credentials and quotas are those of an AWS account. */
const advice: Advice = {
  [ErrorReason.UPSTREAM_UNAUTHENTICATED]:
    "the gateway's AWS credentials or key are refused; its operator must renew them",
  [ErrorReason.UPSTREAM_PERMISSION_DENIED]: "the gateway's AWS account may not do this; its operator must allow it",
  [ErrorReason.UPSTREAM_QUOTA_EXHAUSTED]:
    "the quota of the gateway's AWS account is used up; waiting a moment does not help",
  [ErrorReason.UPSTREAM_REQUEST_TOO_LARGE]: "the request is above the provider's limit; shorten it",
  [ErrorReason.UPSTREAM_RATE_LIMITED]: "wait, then try again",
};
