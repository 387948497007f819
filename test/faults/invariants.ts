/** The seven invariants, looked at after each case. */
import { codes, PLAIN } from "../upstream/fault-table.ts";
import { type CallRecord, makeCall, PROMPT_CANARY } from "./call.ts";
import { HEALTHY, type Invariant, KEY_CANARY, type Line, type Stage } from "./stage.ts";

export const INVARIANTS: readonly Invariant[] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7"];

/** How late after its deadline a call may end, and how soon the process must answer a healthy one, ms. */
const LATE_MS = 250;
const HEALTHY_MS = 1000;
/** Most attempts of one call. */
const MAX_ATTEMPTS = 3;
/** How long what a call left may take to be gone, ms. */
const SETTLE_MS = 3000;
/** How long the last spans of a storm may take to the collector, ms. */
const EXPORT_MS = 15_000;

/** What had been counted when the case began. */
export interface Baseline {
  readonly lines: number;
  readonly outputLength: number;
  readonly arrivals: number;
  readonly attemptsMeasured: number;
  readonly timers: number;
}

interface LoggedAttempt {
  readonly upstream_status?: number;
}

/** Counts before a case. Call it once what came before has settled. */
export async function takeBaseline(stage: Stage): Promise<Baseline> {
  const countTimers = async (): Promise<number> => Number(await stage.command({ do: "count timers" }));
  const timers = await countTimers();
  const page = await stage.metrics();
  return {
    lines: stage.lines.length,
    outputLength: stage.outputLength,
    arrivals: countArrivals(stage),
    attemptsMeasured: attemptsMeasured(page),
    // Who looks at the configuration again and again has no timer while it looks: counted twice, it has.
    timers: Math.max(timers, await countTimers()),
  };
}

/** Looks at everything that must hold; resolves with what does not. `allowanceMs`: for a machine that others use. */
export async function checkInvariants(stage: Stage, before: Baseline, allowanceMs: number): Promise<string[]> {
  const misses = [...stage.misses];
  const miss = (invariant: Invariant, what: string): void => {
    if (!stage.exempt.has(invariant)) misses.push(`${invariant} ${what}`);
  };
  for (const call of stage.calls) {
    checkEnd(call, allowanceMs + stage.stoodStillMs, miss);
  }
  const page = await checkRemains(stage, before, miss);
  checkLines(stage, before, miss);
  await checkHealth(stage, allowanceMs, miss);
  checkSecrets(stage, before, page, miss);
  return misses;
}

/** What the collector was sent of a whole section: a span for each attempt, unless processes were killed; no secret. */
export async function checkSpans(stage: Stage): Promise<string[]> {
  const { collector, lines, everReplaced } = stage;
  const attempts = attemptsOf(lines).length;
  const count = (): number =>
    collector.spans.filter(
      ({ kind, attributes }) => kind === "CLIENT" && attributes["gen_ai.provider.name"] !== "healthy",
    ).length;
  const giveUpAt = performance.now() + EXPORT_MS;
  while (!everReplaced && count() !== attempts && performance.now() < giveUpAt) await pause();
  const misses = everReplaced || count() === attempts ? [] : [`I6 ${attempts} attempts logged, ${count()} spans`];
  for (const secret of [KEY_CANARY, PROMPT_CANARY]) {
    if (collector.text.includes(secret)) misses.push(`I7 ${secret} in the spans`);
  }
  return misses;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

type Miss = (invariant: Invariant, what: string) => void;

function checkEnd(call: CallRecord, allowanceMs: number, miss: Miss): void {
  const { model, code, reason, shown, ends, afterEnd, attempts, partial, tookMs, timeoutMs, retryAfterMs } = call;
  if (tookMs > timeoutMs + LATE_MS + allowanceMs) miss("I1", `${model}: ${Math.round(tookMs)} ms of ${timeoutMs}`);
  // Who has left is told nothing more by the gateway.
  const left = code === "Canceled" && reason === undefined;
  if (code !== "OK" && !left) {
    const mapped = reason === undefined ? undefined : (codes[reason] ?? ownCodes[reason]);
    if (mapped !== code) miss("I2", `${model}: ${code} for ${reason}`);
    if (reason !== undefined && needsRetryInfo.has(reason) && retryAfterMs === undefined) {
      miss("I2", `${model}: ${reason} without RetryInfo`);
    }
    if (reason !== undefined && shown !== (partial === true))
      miss("I3", `${model}: ${shown ? "" : "nothing "}shown, partial ${partial}`);
  }
  if (ends !== (code === "OK" ? 1 : 0) || afterEnd > 0)
    miss("I2", `${model}: ${ends} ends, ${afterEnd} after the first`);
  if (attempts.length > MAX_ATTEMPTS) miss("I4", `${model}: ${attempts.length} attempts`);
}

/** Codes of the gateway's own reasons. */
const ownCodes: Readonly<Record<string, string>> = {
  INVALID_REQUEST: "InvalidArgument",
  MODEL_NOT_FOUND: "NotFound",
  FEATURE_UNSUPPORTED: "InvalidArgument",
  REQUEST_TOO_LARGE: "ResourceExhausted",
  DEADLINE_EXCEEDED: "DeadlineExceeded",
  CANCELLED: "Canceled",
  SHUTTING_DOWN: "Unavailable",
  OVERLOADED: "Unavailable",
  UPSTREAM_TLS_FAILED: "Unavailable",
};

/** Reasons that pass by waiting, and whose end the gateway knows. */
const needsRetryInfo: ReadonlySet<string> = new Set(["SHUTTING_DOWN", "OVERLOADED"]);

/** Nothing of the case is left, in the process and behind it. Resolves with the page of metrics. */
async function checkRemains(stage: Stage, before: Baseline, miss: Miss): Promise<string> {
  let page = "";
  const remains = async (): Promise<string[]> => {
    const written = unlogged(stage, before).length;
    const upstream = stage.watched.reduce((open, one) => open + one.open, 0);
    // The page costs most: it is asked for last.
    if (written + upstream > 0) return [`${written} calls without a log line, ${upstream} requests open upstream`];
    page = await stage.metrics();
    const timers = Number(await stage.command({ do: "count timers" }));
    const limit = stage.replaced === 0 ? before.timers : Number.POSITIVE_INFINITY;
    const unrecorded = attemptsMeasured(page) - before.attemptsMeasured - attemptsOf(linesSince(stage, before)).length;
    const counts: readonly (readonly [string, number])[] = [
      ["attempts without a record", stage.replaced === 0 ? Math.abs(unrecorded) : 0],
      ["calls open", sum(page, "sluice_calls_open", "")],
      ["busy connections", sum(page, "sluice_upstream_connections", 'state="busy"')],
      ["waiting requests", sum(page, "sluice_upstream_connections", 'state="waiting"')],
      ["timers more than before", Math.max(0, timers - limit)],
    ];
    return counts.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
  };
  const giveUpAt = performance.now() + SETTLE_MS;
  let left = await remains();
  while (left.length > 0 && performance.now() < giveUpAt) {
    await pause();
    left = await remains();
  }
  if (left.length > 0) miss("I6", left.join(", "));
  if (stage.replaced > 0) return page;
  const attempts = attemptsOf(linesSince(stage, before));
  const arrived = countArrivals(stage) - before.arrivals;
  const answered = attempts.filter(({ upstream_status: status = 0 }) => status > 0).length;
  if (arrived > attempts.length || arrived < answered) {
    miss("I6", `${attempts.length} attempts logged (${answered} answered), ${arrived} arrived`);
  }
  return page;
}

/** Each call has one line, which says what its caller was told. */
function checkLines(stage: Stage, before: Baseline, miss: Miss): void {
  const lines = linesSince(stage, before);
  for (const { requestId, code, reason, model } of stage.calls) {
    const own = lines.filter((line) => line.request_id === requestId);
    const [line] = own;
    if (requestId === "") continue;
    if (own.length !== 1 && stage.replaced === 0) miss("I2", `${model}: ${own.length} log lines`);
    const said = line?.outcome === "answered" ? undefined : line?.reason;
    const told = code === "Canceled" ? "CANCELLED" : reason;
    if (line !== undefined && said !== (code === "OK" ? undefined : told))
      miss("I2", `${model}: logged ${String(said)}`);
  }
}

async function checkHealth(stage: Stage, allowanceMs: number, miss: Miss): Promise<void> {
  const { grpc, connect } = stage.clients;
  const calls = await Promise.all([makeCall(grpc, "stream", HEALTHY), makeCall(connect, "unary", HEALTHY)]);
  for (const { code, text, tookMs } of calls) {
    if (code !== "OK" || text !== PLAIN) miss("I5", `${code} "${text}"`);
    if (tookMs > HEALTHY_MS + allowanceMs) miss("I5", `a healthy call took ${Math.round(tookMs)} ms`);
  }
}

function checkSecrets(stage: Stage, before: Baseline, page: string, miss: Miss): void {
  const { stdout, stderr } = stage.gateway;
  const output = stage.replaced === 0 ? stdout().slice(before.outputLength) : stage.lastOutput + stdout();
  const told = stage.calls.map((call) => call.told).join("\n");
  const key = [KEY_CANARY, KEY_CANARY.slice(0, 12), KEY_CANARY.slice(-8)];
  const places: readonly (readonly [string, string, readonly string[]])[] = [
    ["log", output + stderr(), [...key, PROMPT_CANARY]],
    ["metrics", page, [...key, PROMPT_CANARY]],
    ["answers", told, key],
  ];
  for (const [place, text, secrets] of places) {
    for (const secret of secrets) if (text.includes(secret)) miss("I7", `${secret} in the ${place}`);
  }
}

function linesSince(stage: Stage, before: Baseline): readonly Line[] {
  return stage.lines.slice(stage.replaced === 0 ? before.lines : 0);
}

function unlogged(stage: Stage, before: Baseline): readonly CallRecord[] {
  if (stage.replaced > 0) return [];
  const ids = new Set(linesSince(stage, before).map((line) => line.request_id));
  return stage.calls.filter(({ requestId }) => requestId !== "" && !ids.has(requestId));
}

function attemptsOf(lines: readonly Line[]): readonly LoggedAttempt[] {
  return lines.flatMap((line) => (line.attempts ?? []) as readonly LoggedAttempt[]);
}

function countArrivals(stage: Stage): number {
  return stage.watched.reduce((all, one) => all + one.arrivals, 0);
}

function attemptsMeasured(page: string): number {
  const name = "gen_ai_client_operation_duration_seconds_count";
  return sum(page, name, "") - sum(page, name, 'sluice_provider="healthy"');
}

/** Sum of a metric's series whose labels hold a text. */
function sum(page: string, name: string, label: string): number {
  let total = 0;
  for (const line of page.split("\n")) {
    if (line.startsWith(`${name}{`) && line.includes(label)) total += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return total;
}
