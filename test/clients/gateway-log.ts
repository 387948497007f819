/** The gateway's own word for how a call ended, from its log. */
import { ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { environment } from "./expectations.ts";

interface CallLine {
  readonly msg: string;
  readonly feature?: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly latency_ms: number;
}

/** A call is logged as it ends, so this is long. */
const WAIT_MS = 5000;

/**
 * Waits until the call of this feature is logged, and throws unless it ended in one of these ways and within this time.
 * Features name calls here: each is used once.
 */
export async function expectCall(feature: string, outcomes: readonly string[], mostMs: number): Promise<CallLine> {
  const line = await awaitCall(feature);
  ok(outcomes.includes(line.outcome), `the gateway says "${line.outcome}", not "${outcomes.join('" or "')}"`);
  ok(line.latency_ms <= mostMs, `the gateway worked for ${line.latency_ms} ms, not at most ${mostMs} ms`);
  return line;
}

async function awaitCall(feature: string): Promise<CallLine> {
  const giveUpAt = performance.now() + WAIT_MS;
  for (;;) {
    const found = readCalls().find((line) => line.feature === feature);
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`the gateway did not log how ${feature} ended in ${WAIT_MS} ms`);
    await delay(20);
  }
}

function readCalls(): CallLine[] {
  const lines = readFileSync(environment("CLIENTS_LOG"), "utf8").split("\n");
  // The last one may be half written.
  return lines
    .slice(0, -1)
    .filter((line) => line.includes('"msg":"call"'))
    .map((line) => JSON.parse(line) as CallLine);
}
