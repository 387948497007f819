import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { quote } from "./quote.ts";

/** What an upstream said when it failed. */
export interface Failure {
  readonly status: number;
  /** How the message begins: what happened. */
  readonly what: string;
  /** The provider's own words; may be empty. */
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

/** An upstream's failure as callers see it: what happened, the provider's words, and what to do. */
export function upstreamFailure(reason: ErrorReason, { status, what, words, retryAfterMs }: Failure): GatewayError {
  // A refusal of the key may quote the key; its words are for the provider's own log.
  const quoted = reason === ErrorReason.UPSTREAM_UNAUTHENTICATED ? "" : quote(words);
  const advice = adviceOn[reason] ?? "";
  const text = `${what}${quoted === "" ? "" : `: ${quoted}`}${advice === "" ? "" : ` (${advice})`}`;
  return new GatewayError(reason, text, { metadata: { upstream_status: String(status) }, retryAfterMs, quoted });
}

/** What to do, where the provider's words do not say it. */
const adviceOn: { readonly [reason: number]: string } = {
  [ErrorReason.UPSTREAM_UNAUTHENTICATED]: "the gateway's key for this provider is refused; its operator must renew it",
  [ErrorReason.UPSTREAM_PERMISSION_DENIED]: "the gateway's account may not do this; its operator must ask the provider",
  [ErrorReason.UPSTREAM_QUOTA_EXHAUSTED]: "the gateway's account is out of credit or quota; waiting does not help",
  [ErrorReason.UPSTREAM_REQUEST_TOO_LARGE]: "the request is above the account's limit; shorten it",
  [ErrorReason.UPSTREAM_RATE_LIMITED]: "wait as RetryInfo says, then try again",
  [ErrorReason.UPSTREAM_OVERLOADED]: "try again later",
  [ErrorReason.CONTEXT_LENGTH_EXCEEDED]: "shorten the prompt",
  [ErrorReason.CONTENT_FILTERED]: "change the prompt",
};
