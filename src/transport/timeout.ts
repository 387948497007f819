import { MAX_TIMER_MS } from "../domain/clock.ts";
import { invalidRequest } from "../domain/error.ts";

/** Header under which the doors keep a caller's timeout, so that both libraries leave deadlines to the pipeline. */
export const TIMEOUT_HEADER = "sluice-internal-timeout";

type Headers = Record<string, string | string[] | undefined>;

/**
 * Moves the caller's timeout out of the sight of grpc-js and connect-node. Both start timers of their own, which
 * overflow at 2^31 ms and then fire at once, and whose errors know nothing of attempts. Whatever a caller sent under
 * the gateway's own name is dropped.
 */
export function takeTimeout(headers: Headers): void {
  delete headers[TIMEOUT_HEADER];
  for (const name of ["grpc-timeout", "connect-timeout-ms"]) {
    const value = headers[name];
    if (value === undefined) continue;
    delete headers[name];
    headers[TIMEOUT_HEADER] = name === "grpc-timeout" ? String(value) : `${String(value)}m`;
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads a timeout: up to 10 digits (8 in gRPC) and a unit, as gRPC writes it. What is longer than timers can wait
 * (24.8 days) is cut to that. Throws `INVALID_REQUEST` for what is none.
 */
export function parseTimeout(value: string | null | undefined): number | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const match = /^(\d{1,10})([HMSmun])$/.exec(value);
  const unit = unitMs[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw invalidRequest([{ field: "timeout", description: `${JSON.stringify(value.slice(0, 32))} is no timeout` }]);
  }
  return Math.min(Number(match[1]) * unit, MAX_TIMER_MS);
}
