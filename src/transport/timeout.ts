import { MAX_TIMER_MS } from "../domain/clock.ts";
import { invalidRequest } from "../domain/error.ts";

/** A caller's timeout as it came: unread, because only a call can answer that it is none. */
export interface SentTimeout {
  readonly value: string;
  /** gRPC writes a unit behind the number; Connect counts in ms. */
  readonly form: "grpc" | "connect";
}

type Headers = Record<string, string | string[] | undefined>;

const forms = { "grpc-timeout": "grpc", "connect-timeout-ms": "connect" } as const;

/**
 * Takes the caller's timeout out of the sight of grpc-js and connect-node, so that both leave deadlines to the
 * pipeline: they start timers of their own, which overflow at 2^31 ms and then fire at once, and whose errors know
 * nothing of attempts. An empty header is none.
 */
export function takeTimeout(headers: Headers): SentTimeout | undefined {
  let taken: SentTimeout | undefined;
  for (const name of ["grpc-timeout", "connect-timeout-ms"] as const) {
    const value = headers[name];
    if (value === undefined) continue;
    delete headers[name];
    if (value !== "") taken = { value: String(value), form: forms[name] };
  }
  return taken;
}

const patterns = { grpc: /^(\d{1,10})([HMSmun])$/, connect: /^(\d{1,10})$/ };
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads a timeout, ms: up to 10 digits (8 in gRPC's own specification), with a unit where gRPC wrote it. What is
 * longer than timers can wait (24.8 days) is cut to that. Throws `INVALID_REQUEST` for what is none.
 */
export function parseTimeout(sent: SentTimeout | undefined): number | undefined {
  if (sent === undefined) return undefined;
  const { value, form } = sent;
  const match = patterns[form].exec(value);
  const unit = unitMs[match?.[2] ?? "m"];
  if (match === null || unit === undefined) {
    throw invalidRequest([{ field: "timeout", description: `${JSON.stringify(value.slice(0, 32))} is no timeout` }]);
  }
  return Math.min(Number(match[1]) * unit, MAX_TIMER_MS);
}
