/** Upstream: what takes time, what is told to others, and many faults at once. */
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { openAnswering, type Upstream } from "../support/raw.ts";
import { PLAIN } from "../upstream/fault-table.ts";
import type { CallOptions } from "./call.ts";
import type { FaultCase, Section } from "./case.ts";
import { SHORT_LIMITS, Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";
import { tell } from "./words.ts";

const BASE_DELAY_MS = 50;
/** What a retry may be late by, besides its wait, ms. */
const SLACK_MS = 250;

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const MANY_BYTES = "ż 水 🌊 👩‍🚒 é";
const SPLIT_BODY = Buffer.from(`${chunk({ content: MANY_BYTES })}${chunk({}, "stop")}data: [DONE]\n\n`);

interface World {
  readonly simulator: Simulator;
  /** Where redirects lead. */
  readonly elsewhere: Upstream;
}

interface Row {
  readonly name: string;
  readonly expected: string;
  /** `provider` has no other case's history. */
  readonly play: (stage: Stage, provider: string, world: World) => Promise<string>;
}

/** From each request's arrival to the next one's, ms, since there were so many calls. */
function gapsSince({ calls }: Simulator, number: number): number[] {
  const at = calls.filter((call) => call.number > number).map(({ startedAtMs }) => startedAtMs);
  return at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
}

const lastNumber = ({ calls }: Simulator): number => calls.at(-1)?.number ?? 0;

/** A target that says once when it wants to be asked again. */
function waits(name: string, option: string, leastMs: number): Row {
  return {
    name: `429 with ${name} is waited for`,
    expected: "OK, whole; RATE_LIMITED 429, answers; not sooner than asked",
    async play(stage, provider, { simulator }) {
      const before = lastNumber(simulator);
      const call = await stage.call("stream", `${provider}/flaky:fail=1:fault=rate-limited:${option}`);
      const [gap = 0] = gapsSince(simulator, before);
      if (gap < leastMs) stage.miss("I4", `asked again after ${Math.round(gap)} ms of ${leastMs}`);
      return `${tell(call, { whole: PLAIN })}; ${gap < leastMs ? "too soon" : "not sooner than asked"}`;
    },
  };
}

/** One call, and how it is told. */
function ends(name: string, expected: string, model: string, options: CallOptions = {}, whole: string = PLAIN): Row {
  return {
    name,
    expected,
    play: async (stage, provider) =>
      tell(await stage.call("stream", `${provider}/${model}`, options), { whole, shown: /^The water runs/ }),
  };
}

const redirects = [301, 302, 303, 307, 308].map(
  (status): Row => ({
    name: `redirect ${status} takes neither the call nor the key elsewhere`,
    expected: `Unavailable REDIRECTED; REDIRECTED ${status}; 0 connections elsewhere`,
    async play(stage, provider, { elsewhere }) {
      const to = `http://127.0.0.1:${elsewhere.port}/v1/stolen`;
      const call = await stage.call("unary", `${provider}/fault.redirect:status=${status}:to=${to}`);
      return `${tell(call)}; ${elsewhere.connections} connections elsewhere`;
    },
  }),
);

/** All at once on one provider, so that they share its connections. */
const MIXED = [
  "reset-before-headers",
  "reset-after-headers",
  "cut-mid-stream:reset",
  "invalid-json-event",
  "gzip",
  "html-200",
  "fin-in-body",
  "cr-framing:split",
];

const rows: readonly Row[] = [
  waits("retry-after-ms", "retry-after-ms=150", 150),
  waits("Retry-After in seconds", "retry-after=1", 1000),
  waits("an HTTP date", "date=2s", 1000),
  waits("two headers, by the longer one", "retry-after=0.1:twice=0.3", 300),
  waits("words alone", "hint=150ms", 150),
  {
    name: "retries come within full jitter of a doubled delay",
    expected: "OK, whole; 2× OVERLOADED 503, answers; no longer than the policy",
    async play(stage, provider, { simulator }) {
      const before = lastNumber(simulator);
      const call = await stage.call("unary", `${provider}/flaky:fail=2`);
      const late = gapsSince(simulator, before).filter((gap, at) => gap > BASE_DELAY_MS * 2 ** at + SLACK_MS);
      if (late.length > 0) stage.miss("I4", `retries after ${late.map(Math.round).join(", ")} ms`);
      return `${tell(call, { whole: PLAIN })}; ${late.length === 0 ? "no" : ""} longer than the policy`;
    },
  },
  ends(
    "a wait that would pass the deadline is not begun",
    "ResourceExhausted RATE_LIMITED; RATE_LIMITED 429; retry in 20 s",
    "fault.rate-limited:retry-after=20",
  ),
  ends("a call that may not be repeated is made once", "Unavailable OVERLOADED; OVERLOADED 503", "fault.error-status", {
    handling: { notIdempotent: true },
  }),
  ends(
    "deadline before the head",
    "DeadlineExceeded DEADLINE_EXCEEDED; cancelled DEADLINE_EXCEEDED 0",
    "fault.no-response",
    { timeoutMs: 150 },
  ),
  ends(
    "deadline in mid-stream",
    "DeadlineExceeded DEADLINE_EXCEEDED; cancelled DEADLINE_EXCEEDED 200; partial",
    "text:tokens=1000:rate=50",
    {
      timeoutMs: 250,
    },
  ),
  ends(
    "an endless stream that trickles meets the time of an attempt",
    "Unavailable TIMEOUT; TIMEOUT 200; partial",
    "fault.infinite-stream:rate=50",
  ),
  ...redirects,
  {
    name: "UTF-8 split at every byte of a stream",
    expected: `${SPLIT_BODY.length - 1} splits, 1 answer: ${MANY_BYTES}`,
    async play(stage) {
      const texts = new Set<string>();
      let splits = 0;
      for (let at = 1; at < SPLIT_BODY.length; at++, splits++)
        texts.add((await stage.call("stream", "splitting/m")).text);
      return `${splits} splits, ${texts.size} answer: ${[...texts].join(" | ")}`;
    },
  },
  {
    name: "eight faults at once, ten times, beside healthy calls of the same provider",
    expected: "80 faults ended, 80 of 80 healthy calls whole",
    async play(stage, provider) {
      let whole = 0;
      for (let round = 0; round < 10; round++) {
        const faults = MIXED.map((fault) => stage.call("stream", `${provider}/fault.${fault}`));
        const healthy = MIXED.map(() => stage.call("stream", `${provider}/text:tokens=10`));
        for (const { text, code } of await Promise.all(healthy)) if (code === "OK" && text === PLAIN) whole++;
        await Promise.all(faults);
      }
      return `${stage.calls.length - 80} faults ended, ${whole} of 80 healthy calls whole`;
    },
  },
];

export const upstreamWaits: Section = {
  name: "upstream, waits and others",
  async open() {
    const simulator = await openSimulator();
    const elsewhere = await openAnswering((_, response) => response.end());
    const splitting = await openSplitting();
    const keyed = await openKeyed();
    const providers = rows.map((_, at) => `w${at}`);
    const stage = await Stage.open({
      providers: {
        ...Object.fromEntries(providers.map((name) => [name, { base_url: simulator.url }])),
        splitting: { base_url: `http://127.0.0.1:${splitting.upstream.port}/v1` },
        keyed: {
          base_url: `http://127.0.0.1:${keyed.upstream.port}/v1`,
          api_key: "",
          api_keys: ["env:FAULTS_REFUSED_KEY", "env:FAULTS_KEY"],
        },
      },
      limits: SHORT_LIMITS,
      retry: { base_delay: `${BASE_DELAY_MS / 1000}s`, max_delay: `${(BASE_DELAY_MS * 2) / 1000}s` },
      watched: [watch(simulator), splitting, keyed],
    });
    const cases = rows.map(({ name, expected, play }, at) => ({
      name,
      expected,
      play: (on: Stage) => play(on, `w${at}`, { simulator, elsewhere }),
    }));
    const marksKey: FaultCase = {
      name: "401 marks the key: the next call uses another one",
      expected: "OK after UNAUTHENTICATED; then OK at once",
      async play(on) {
        const first = await on.call("unary", "keyed/m");
        const second = await on.call("unary", "keyed/m");
        const failed = first.attempts.some((attempt) => attempt.includes("UNAUTHENTICATED"));
        if (first.code !== "OK" || !failed || first.attempts.length !== 2) return `first: ${first.attempts.join(", ")}`;
        if (second.code !== "OK" || second.attempts.length !== 1) return `then: ${second.attempts.join(", ")}`;
        return "OK after UNAUTHENTICATED; then OK at once";
      },
    };
    return {
      stage,
      cases: [...cases, marksKey],
      async close() {
        await stage.close();
        for (const upstream of [elsewhere, splitting.upstream, keyed.upstream]) await upstream.close();
        await simulator.close();
      },
    };
  },
};

/** Answers the n-th request with the first n bytes, and then with the others in a packet of their own. */
async function openSplitting() {
  let arrivals = 0;
  let open = 0;
  const upstream = await openAnswering((_, response) => {
    const at = ++arrivals;
    open++;
    response.on("close", () => open--);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(SPLIT_BODY.subarray(0, at), () => setImmediate(() => response.end(SPLIT_BODY.subarray(at))));
  });
  return {
    upstream,
    get arrivals() {
      return arrivals;
    },
    get open() {
      return open;
    },
  };
}

/** Takes one key and refuses the other. */
async function openKeyed() {
  let arrivals = 0;
  let open = 0;
  const answer = JSON.stringify({
    id: "k",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  });
  const upstream = await openAnswering((request, response) => {
    arrivals++;
    open++;
    response.on("close", () => open--);
    const refused = String(request.headers.authorization).endsWith("-refused");
    response.writeHead(refused ? 401 : 200, { "content-type": "application/json" });
    response.end(refused ? '{"error": {"message": "wrong key", "type": "invalid_request_error"}}' : answer);
  });
  return {
    upstream,
    get arrivals() {
      return arrivals;
    },
    get open() {
      return open;
    },
  };
}
