import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { quote } from "./quote.ts";

/** What an upstream said when it failed. */
export interface Failure {
  /** HTTP status, or what stands for one; undefined where the wire has none. */
  readonly status: number | undefined;
  /** How the message begins: what happened. */
  readonly what: string;
  /** The provider's own words; may be empty. */
  readonly words: string;
  readonly retryAfterMs: number | undefined;
  /** What to do, where it is not what the usual provider's callers should do. */
  readonly advice?: Advice;
}

export type Advice = { readonly [reason: number]: string };

/** An upstream's failure as callers see it: what happened, the provider's words, and what to do. */
export function upstreamFailure(reason: ErrorReason, failure: Failure): GatewayError {
  const { status, what, words, retryAfterMs } = failure;
  // A refusal of the key may quote the key; its words are for the provider's own log.
  const quoted = reason === ErrorReason.UPSTREAM_UNAUTHENTICATED ? "" : quote(words);
  const advice = failure.advice?.[reason] ?? adviceOn[reason] ?? "";
  const text = `${what}${quoted === "" ? "" : `: ${quoted}`}${advice === "" ? "" : ` (${advice})`}`;
  const metadata = status === undefined ? {} : { upstream_status: String(status) };
  return new GatewayError(reason, text, { metadata, retryAfterMs, quoted });
}

/** What to do, where the provider's words do not say it. */
const adviceOn: Advice = {
  [ErrorReason.UPSTREAM_UNAUTHENTICATED]: "the gateway's key for this provider is refused; its operator must renew it",
  [ErrorReason.UPSTREAM_PERMISSION_DENIED]: "the gateway's account may not do this; its operator must ask the provider",
  [ErrorReason.UPSTREAM_QUOTA_EXHAUSTED]: "the gateway's account is out of credit or quota; waiting does not help",
  [ErrorReason.UPSTREAM_REQUEST_TOO_LARGE]: "the request is above the account's limit; shorten it",
  [ErrorReason.UPSTREAM_RATE_LIMITED]: "wait as RetryInfo says, then try again",
  [ErrorReason.UPSTREAM_OVERLOADED]: "try again later",
  [ErrorReason.CONTEXT_LENGTH_EXCEEDED]: "shorten the prompt",
  [ErrorReason.CONTENT_FILTERED]: "change the prompt",
};

/** An answer that is neither one nor an error. `what` says what it is not: "no chat completion". */
export function malformedAnswer(what: string, data: string): GatewayError {
  const quoted = quote(data.slice(0, 80));
  return new GatewayError(ErrorReason.UPSTREAM_MALFORMED, `The upstream's answer is ${what}: "${quoted}". Try again.`, {
    quoted,
  });
}

/** An answer that ended, but not with what ends one on its wire. */
export function truncatedAnswer(): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_TRUNCATED,
    "The upstream's answer ended without saying that it is whole. Try again.",
  );
}
