import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Secret } from "../domain/secret.ts";
import type { WireHead } from "../wire/send.ts";
import type { SpareKeys } from "./upstream.ts";

/** One of several keys. Its name, the reference that it was found by, is all that is ever shown of it. */
interface NamedKey {
  readonly name: string;
  readonly secret: Secret;
}

/** A key that may not be used for a while. */
interface KeySetAside {
  readonly provider: string;
  /** Name of the key. */
  readonly key: string;
  readonly reason: ErrorReason;
  readonly ms: number;
}

/** For how long an answer's headers say that its key must not be used, ms; undefined where they don't. */
type ReadDeferral = (head: WireHead, wallNow: number) => number | undefined;

export interface KeysOptions {
  readonly provider: string;
  /** At least two. */
  readonly keys: readonly NamedKey[];
  readonly clock: Clock;
  readonly readDeferral: ReadDeferral;
  readonly onSetAside: (event: KeySetAside) => void;
}

/** How long a key is left alone that is refused or out of quota, where nobody says how long, ms. */
const REFUSED_MS = 5 * 60_000;

/** How long one is that asked too often, where nobody says how long, ms. */
const LIMITED_MS = 1000;

/** Longest time for which a wrong header can set a key aside, ms. */
const MAX_ASIDE_MS = 60 * 60_000;

/** What tells of a key, and not of the provider or the request; by how long it is left alone. */
const asideMs: ReadonlyMap<ErrorReason, number> = new Map([
  [ErrorReason.UPSTREAM_UNAUTHENTICATED, REFUSED_MS],
  [ErrorReason.UPSTREAM_QUOTA_EXHAUSTED, REFUSED_MS],
  [ErrorReason.UPSTREAM_RATE_LIMITED, LIMITED_MS],
]);

interface Key extends NamedKey {
  /** Instant until which it must not be used. */
  until: number;
  /** Why. */
  reason: ErrorReason;
}

/** A key that is used for one request, and hears of its answer. */
export interface KeyUse {
  readonly secret: Secret;
  /** No key may be used now: the request must not be sent. */
  readonly refusal: GatewayError | undefined;
  answered(head: WireHead): void;
  /** The same failure, with the wait that holds for all keys: none, where another one may be used now. */
  failed(error: GatewayError): GatewayError;
}

/**
 * The keys of one provider, used in turn. One that is used up or refused is set aside; once all are, the provider
 * cannot be asked until the first of them may be used again.
 */
export class Keys implements SpareKeys {
  readonly #options: KeysOptions;
  readonly #keys: readonly Key[];
  #turn = 0;

  constructor(options: KeysOptions) {
    this.#options = options;
    this.#keys = options.keys.map((key) => ({
      ...key,
      until: Number.NEGATIVE_INFINITY,
      reason: ErrorReason.UNSPECIFIED,
    }));
  }

  /** Throws where no key may be used now, saying how long that is so. */
  demand(): void {
    if (this.#findReady() === undefined) throw this.#noneLeft();
  }

  /** The next key in turn. */
  take(): KeyUse {
    const key = this.#findReady();
    if (key === undefined) {
      const { secret } = this.#first();
      return { secret, refusal: this.#noneLeft(), answered: () => {}, failed: (error) => error };
    }
    this.#turn = this.#keys.indexOf(key) + 1;
    let deferralMs: number | undefined;
    return {
      secret: key.secret,
      refusal: undefined,
      answered: (head) => {
        deferralMs = this.#options.readDeferral(head, this.#options.clock.wallNow());
        // Whether a failure is the key's is not known before its body was read.
        if (head.status < 400 && deferralMs !== undefined) {
          this.#setAside(key, ErrorReason.UPSTREAM_RATE_LIMITED, deferralMs);
        }
      },
      failed: (error) => this.#failed(key, error, deferralMs),
    };
  }

  concern(reason: ErrorReason): boolean {
    return asideMs.has(reason);
  }

  hasSpare(reason: ErrorReason): boolean {
    return asideMs.has(reason) && this.#findReady() !== undefined;
  }

  /** Takes all keys out of a text. */
  conceal(text: string): string {
    return this.#keys.reduce((hidden, { secret }) => hidden.replaceAll(secret.reveal(), "[redacted]"), text);
  }

  /** `deferralMs`: what the headers said. */
  #failed(key: Key, error: GatewayError, deferralMs: number | undefined): GatewayError {
    const usualMs = asideMs.get(error.reason);
    if (usualMs === undefined) return error;
    this.#setAside(key, error.reason, error.retryAfterMs ?? deferralMs ?? usualMs);
    return error.retryingAfter(this.#findReady() === undefined ? this.#waitMs() : undefined);
  }

  /** Only ever to later: answers come in another order than their requests were sent in. */
  #setAside(key: Key, reason: ErrorReason, askedMs: number): void {
    const { clock, provider, onSetAside } = this.#options;
    const ms = Math.min(askedMs, MAX_ASIDE_MS);
    const until = clock.now() + ms;
    if (!(ms > 0) || until <= key.until) return;
    key.until = until;
    key.reason = reason;
    onSetAside({ provider, key: key.name, reason, ms });
  }

  #findReady(): Key | undefined {
    const now = this.#options.clock.now();
    for (let n = 0; n < this.#keys.length; n++) {
      const key = this.#keys[(this.#turn + n) % this.#keys.length];
      if (key !== undefined && key.until <= now) return key;
    }
    return undefined;
  }

  /** The key that may be used again before the others. */
  #first(): Key {
    return this.#keys.reduce((best, key) => (key.until < best.until ? key : best));
  }

  /** Until then, ms. */
  #waitMs(): number {
    return Math.max(1, Math.ceil(this.#first().until - this.#options.clock.now()));
  }

  #noneLeft(): GatewayError {
    return new GatewayError(
      this.#first().reason,
      `All of the gateway's keys for ${this.#options.provider} are used up or refused. Wait as RetryInfo says, then try again.`,
      { retryAfterMs: this.#waitMs() },
    );
  }
}
