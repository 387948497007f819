import type { Scenario } from "./load-protocol.ts";

export type Part = "unary" | "stream" | "idle" | "dialects";

export const parts: readonly Part[] = ["unary", "stream", "idle", "dialects"];

/** What is run, and for how long. */
export interface Plan {
  readonly rounds: number;
  /** Of one round of one scenario, ms. */
  readonly unaryMs: number;
  readonly streamMs: number;
  /** Load before the first figure, so that everything hot is compiled, ms for each kind of load. */
  readonly warmUpMs: number;
  readonly idle: { readonly rounds: number; readonly streams: number; readonly settleMs: number };
  /** `streams`: of each dialect in each round. */
  readonly dialects: { readonly rounds: number; readonly streams: number; readonly warmUpStreams: number };
}

export const fullPlan: Plan = {
  rounds: 11,
  unaryMs: 800,
  streamMs: 1500,
  warmUpMs: 6000,
  idle: { rounds: 4, streams: 1000, settleMs: 1200 },
  dialects: { rounds: 42, streams: 60, warmUpStreams: 300 },
};

/** For a smoke test: the figures are rough. */
export const quickPlan: Plan = {
  rounds: 2,
  unaryMs: 250,
  streamMs: 300,
  warmUpMs: 400,
  idle: { rounds: 1, streams: 600, settleMs: 500 },
  dialects: { rounds: 7, streams: 20, warmUpStreams: 100 },
};

const TOKENS = 100;

function unary(concurrency: number): Scenario {
  const model = `text:tokens=${TOKENS}`;
  return { name: `unary, ${concurrency} at once`, delivery: "unary", model, tokens: TOKENS, concurrency, spreadMs: 0 };
}

const PACED_PER_SECOND = 200;

/** Every event is a write, a read and a wake-up of its own, as with a real model; the machine is not saturated. */
const paced: Scenario = {
  name: `stream of ${TOKENS}, paced ${PACED_PER_SECOND}/s, 24 at once`,
  delivery: "stream",
  model: `text:tokens=${TOKENS}:rate=${PACED_PER_SECOND}`,
  tokens: TOKENS,
  concurrency: 24,
  spreadMs: (TOKENS * 1000) / PACED_PER_SECOND,
};

/** The upstream writes all events at once: what they cost without wake-ups. */
const unpaced: Scenario = {
  name: `stream of ${TOKENS}, unpaced, 8 at once`,
  delivery: "stream",
  model: `text:tokens=${TOKENS}`,
  tokens: TOKENS,
  concurrency: 8,
  spreadMs: 0,
};

export const scenarios: { readonly [P in "unary" | "stream"]: readonly Scenario[] } = {
  unary: [unary(1), unary(16), unary(64)],
  stream: [paced, unpaced],
};

/** Streams that say a word and then nothing, until they are left. */
export const IDLE_MODEL = "fault.stall-mid-stream:events=1";

/** As many streams as the gateway takes on one connection. */
export const STREAMS_PER_CONNECTION = 100;

/**
 * Most that the gateway may cost. The ratios are to the bare gRPC relay of the same round, that of a dialect to
 * openai-chat.
 */
export const budgets = { unaryRatio: 1.5, eventRatio: 1.3, idleStreamBytes: 64 * 1024, dialectRatio: 1.3 };
