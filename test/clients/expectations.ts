/** What each client must get, whichever wrote it down: values are in the contract's JSON form. */
import { deepEqual, equal, match, ok } from "node:assert/strict";

/** What clients say. The simulator's model `echo` says it again. */
export const said = environment("CLIENTS_TEXT");

const usage = {
  inputTokens: Number(environment("CLIENTS_INPUT_TOKENS")),
  cacheReadTokens: 0,
  outputTokens: Number(environment("CLIENTS_OUTPUT_TOKENS")),
  reasoningTokens: 0,
  inputAudioTokens: 0,
  outputAudioTokens: 0,
};

/** What an answer says besides its text, as `CompleteResponse` and `StreamEnd` both say it. */
interface Ending {
  readonly requestId: string;
  readonly finishReason: string;
  readonly providerFinishReason: string;
  readonly usage: typeof usage;
  readonly provider: string;
  readonly model: string;
  readonly attempts: readonly Readonly<Record<string, unknown>>[];
}

export interface Answer extends Ending {
  readonly parts: readonly { readonly text?: string }[];
}

export interface StreamEvent {
  readonly sequence: number;
  readonly start?: { readonly requestId: string; readonly provider: string; readonly model: string };
  readonly blockStart?: { readonly index: number; readonly text?: object };
  readonly blockDelta?: { readonly index: number; readonly text: string };
  readonly blockEnd?: { readonly index: number };
  readonly end?: Ending;
}

/** A value that must be set; `run.sh` sets them all. */
export function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "")
    throw new Error(`${name} is not set: run the suites with test/clients/run.sh`);
  return value;
}

/** A whole answer of the simulator's model `echo`. */
export function checkAnswer(answer: Answer, headerRequestId: string): void {
  deepEqual(answer.parts, [{ text: said }]);
  checkEnding(answer, headerRequestId);
}

function checkEnding(ending: Ending, headerRequestId: string): void {
  match(headerRequestId, /^[0-9a-f-]{36}$/, "the header sluice-request-id");
  equal(ending.requestId, headerRequestId, "the answer's request id and the header's");
  const { finishReason, providerFinishReason, provider, model } = ending;
  deepEqual(
    { finishReason, providerFinishReason, provider, model, usage: ending.usage },
    { finishReason: "FINISH_REASON_STOP", providerFinishReason: "stop", provider: "simulator", model: "echo", usage },
  );
  deepEqual(
    ending.attempts.map(({ outcome, upstreamStatus }) => ({ outcome, upstreamStatus })),
    [{ outcome: "ATTEMPT_OUTCOME_SUCCEEDED", upstreamStatus: 200 }],
  );
}

/** A streamed answer of the simulator's model `echo`, from its start to its end. */
export function checkEvents(events: readonly StreamEvent[], headerRequestId: string): void {
  checkSequence(events);
  const kinds = events.map(kindOf);
  const deltas = kinds.filter((kind) => kind === "blockDelta");
  ok(deltas.length > 1, "an answer of several tokens comes in several deltas");
  deepEqual(kinds, ["start", "blockStart", ...deltas, "blockEnd", "end"]);
  const start = events[0]?.start;
  deepEqual(
    { requestId: start?.requestId, provider: start?.provider, model: start?.model },
    { requestId: headerRequestId, provider: "simulator", model: "echo" },
  );
  deepEqual(events[1]?.blockStart, { index: 0, text: {} });
  deepEqual([...new Set(events.flatMap(({ blockDelta, blockEnd }) => (blockDelta ?? blockEnd)?.index ?? []))], [0]);
  equal(events.map(({ blockDelta }) => blockDelta?.text ?? "").join(""), said);
  const end = events.at(-1)?.end;
  ok(end !== undefined);
  checkEnding(end, headerRequestId);
}

/** A stream that was left, or broke off, after something of its answer was shown. */
export function checkBegun(events: readonly StreamEvent[]): void {
  checkSequence(events);
  const kinds = events.map(kindOf);
  const deltas = kinds.slice(2);
  ok(deltas.length > 0, "something of the answer was shown");
  deepEqual(kinds, ["start", "blockStart", ...deltas.map(() => "blockDelta")]);
}

function checkSequence(events: readonly StreamEvent[]): void {
  deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
}

function kindOf(event: StreamEvent): string | undefined {
  return Object.keys(event).find((key) => key !== "sequence");
}

/** Throws unless a duration, ms, lies between the two. */
export function checkTook(ms: number, leastMs: number, mostMs: number): void {
  ok(ms >= leastMs && ms <= mostMs, `it took ${Math.round(ms)} ms, not ${leastMs} to ${mostMs} ms`);
}
