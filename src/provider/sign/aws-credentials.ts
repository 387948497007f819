import type { Clock } from "../../domain/clock.ts";
import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { Secret } from "../../domain/secret.ts";

/** Who signs. */
export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | undefined;
  /** ms since 1970; undefined for what does not expire by itself. */
  readonly expiresAt: number | undefined;
}

/** A place to look for credentials. Resolves with undefined where it has none, rejects where it should have. */
export type AwsSource = () => Promise<AwsIdentity | undefined>;

/** Credentials are renewed this long before they expire: from then on a long call could outlive them. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** What does not expire is looked up anew after this time: files may change. */
const LOOK_AGAIN_MS = 5 * 60_000;
/** After a failure to renew what still holds, the next attempt. */
const TRY_AGAIN_MS = 30_000;
/** Longest look for credentials: metadata services may not be there. */
const LOOK_AT_MOST_MS = 15_000;

interface Held {
  readonly identity: AwsIdentity;
  /** ms since 1970 from which on it is renewed, while calls still use it. */
  readonly renewAt: number;
}

/**
 * Credentials from the first source that has some, kept until shortly before they expire. However many calls wait for
 * them, they are looked up once; while they still hold, nobody waits.
 */
export class AwsCredentials {
  readonly #sources: readonly AwsSource[];
  readonly #clock: Clock;
  #held: Held | undefined;
  #looking: Promise<AwsIdentity> | undefined;

  constructor(sources: readonly AwsSource[], clock: Clock) {
    this.#sources = sources;
    this.#clock = clock;
  }

  /** Rejects with `UPSTREAM_UNAUTHENTICATED` where there are none. */
  get = async (): Promise<AwsIdentity> => {
    const now = this.#clock.wallNow();
    const held = this.#held;
    if (held !== undefined && now < held.renewAt) return held.identity;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    if (held === undefined || now >= (held.identity.expiresAt ?? Number.POSITIVE_INFINITY)) return await this.#looking;
    this.#looking.catch(() => {
      this.#held = { identity: held.identity, renewAt: this.#clock.wallNow() + TRY_AGAIN_MS };
    });
    return held.identity;
  };

  async #look(): Promise<AwsIdentity> {
    const identity = await this.#withinTime(this.#first());
    const now = this.#clock.wallNow();
    const { expiresAt } = identity;
    // What lives shorter than the time before which it is renewed is renewed after half of its life.
    const renewAt =
      expiresAt === undefined
        ? now + LOOK_AGAIN_MS
        : Math.max(expiresAt - RENEW_BEFORE_MS, now + (expiresAt - now) / 2);
    this.#held = { identity, renewAt };
    return identity;
  }

  async #first(): Promise<AwsIdentity> {
    let failure: GatewayError | undefined;
    for (const source of this.#sources) {
      try {
        const identity = await source();
        if (identity !== undefined) return identity;
      } catch (error) {
        failure = noCredentials(error);
      }
    }
    throw failure ?? noCredentials(undefined);
  }

  async #withinTime<T>(looking: Promise<T>): Promise<T> {
    let timer: { cancel(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.schedule(LOOK_AT_MOST_MS, () => {
        reject(new GatewayError(ErrorReason.UPSTREAM_TIMEOUT, "AWS gave no credentials in time. Try again."));
      });
    });
    try {
      return await Promise.race([looking, late]);
    } finally {
      timer?.cancel();
    }
  }
}

function noCredentials(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  return new GatewayError(
    ErrorReason.UPSTREAM_UNAUTHENTICATED,
    "The gateway has no AWS credentials; its operator must give it some.",
    { cause },
  );
}
