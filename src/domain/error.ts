import { type CallFailure, ErrorReason } from "./contract.ts";
import { type ReasonRow, reasonRow } from "./reasons.ts";

/** A field of the request that is wrong: `field` is its path in the contract's names. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface GatewayErrorOptions {
  /** More for `ErrorInfo.metadata`: provider, model, upstream_status. Callers see it: nothing secret. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long to wait before trying again, ms. Becomes `RetryInfo`. */
  readonly retryAfterMs?: number | undefined;
  readonly violations?: readonly FieldViolation[];
  /** The part of the message that is an upstream's own words. They may quote the prompt or the answer. */
  readonly quoted?: string;
  /** For logs only; callers never see it. */
  readonly cause?: unknown;
}

/**
 * The one error of the gateway. The message is for callers and says what to do; it must hold no secret.
 */
export class GatewayError extends Error {
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly violations: readonly FieldViolation[];
  readonly #quoted: string;
  /** What was tried, set once for the whole call by the outermost stage that knows it. */
  failure: CallFailure | undefined;

  constructor(reason: ErrorReason, message: string, options: GatewayErrorOptions = {}) {
    // Status messages travel percent-encoded, which throws on lone surrogates.
    super(message.toWellFormed(), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GatewayError";
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.violations = options.violations ?? [];
    this.#quoted = options.quoted?.toWellFormed() ?? "";
  }

  get row(): ReasonRow {
    return reasonRow(this.reason);
  }

  /** The message without the upstream's words: for logs, which may not hold what callers and models said. */
  get discreetMessage(): string {
    return this.#quoted === "" ? this.message : this.message.replaceAll(this.#quoted, "[withheld]");
  }

  /** The same failure with its message put through `reword`; itself, where that changes nothing. */
  reworded(reword: (message: string) => string): GatewayError {
    const message = reword(this.message);
    if (message === this.message) return this;
    const { metadata, retryAfterMs, violations } = this;
    const quoted = reword(this.#quoted);
    return new GatewayError(this.reason, message, { metadata, retryAfterMs, violations, quoted });
  }

  /** The same failure with another wait before it is worth trying again, ms; undefined takes it away. */
  retryingAfter(retryAfterMs: number | undefined): GatewayError {
    const { message, metadata, violations, cause } = this;
    const changed = new GatewayError(this.reason, message, {
      metadata,
      retryAfterMs,
      violations,
      quoted: this.#quoted,
      cause,
    });
    changed.failure = this.failure;
    return changed;
  }

  /** The same failure with more metadata; what is known already stays. */
  with(metadata: Readonly<Record<string, string>>): GatewayError {
    const named = new GatewayError(this.reason, this.message, {
      metadata: { ...metadata, ...this.metadata },
      retryAfterMs: this.retryAfterMs,
      violations: this.violations,
      quoted: this.#quoted,
      cause: this.cause,
    });
    named.failure = this.failure;
    return named;
  }
}

/** A request that is wrong in these fields. The message names each of them. */
export function invalidRequest(violations: readonly FieldViolation[]): GatewayError {
  const message = violations.map((v) => (v.field === "" ? v.description : `${v.field}: ${v.description}`)).join("; ");
  return new GatewayError(ErrorReason.INVALID_REQUEST, message, { violations });
}

/** Makes anything thrown a `GatewayError`; what is none already is a defect, and its text stays in the logs. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError(ErrorReason.INTERNAL, "Internal error. Report it with the request id.", { cause: thrown });
}
