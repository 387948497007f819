/** Upstream: what the simulator can play, alone and with a spare target behind it, whole and streamed. */
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { codes, type Expected, PLAIN, type Row, rows } from "../upstream/fault-table.ts";
import type { CallOptions, Delivery } from "./call.ts";
import type { FaultCase, Section, Watched } from "./case.ts";
import { SHORT_LIMITS, Stage } from "./stage.ts";
import { short, tell, type Wanted } from "./words.ts";

interface FullRow extends Row {
  readonly wanted?: Wanted;
}

const tooLarge: Expected = { reason: "UPSTREAM_RESPONSE_TOO_LARGE", status: 200, requests: 1 };
const inAMinute: Expected = { reason: "UPSTREAM_RATE_LIMITED", status: 429, requests: 1, retryAfterMs: 61_000 };
const good: Expected = { text: PLAIN };

/** Those that the tests of every day leave out for their size, and dates, which only come near to what they say. */
const more: readonly FullRow[] = [
  { fault: "huge-event", unary: tooLarge, stream: tooLarge },
  { fault: "gzip-bomb", unary: tooLarge, stream: { ...tooLarge, shown: /^ the water runs/ } },
  {
    fault: "tiny-chunks",
    unary: good,
    stream: good,
    wanted: { whole: /^[a-z ]{100000,}$/ },
  },
  {
    fault: "rate-limited:date=61s",
    unary: inAMinute,
    stream: inAMinute,
    wanted: { retryAfterMs: 61_000, retryToleranceMs: 1500 },
  },
];

/** Their size is what bounds them, however busy the machine is. */
const LARGE = /^(infinite-stream|huge-event|gzip-bomb|tiny-chunks)/;
const PATIENT: CallOptions = { timeoutMs: 60_000, handling: { attemptTimeout: { seconds: 60n, nanos: 0 } } };

/** Failures that another target would not cure, or must not be asked to. */
const STAYS: ReadonlySet<string> = new Set(["CONTENT_FILTERED", "UPSTREAM_INVALID_REQUEST"]);

const SPARE = "spare/text:tokens=10";

/** Each way of a row has a provider of its own, so that no health, budget or rate limit of one touches another. */
interface Way {
  readonly provider: string;
  readonly row: FullRow;
  readonly delivery: Delivery;
  readonly withSpare: boolean;
}

export const upstreamAnswers: Section = {
  name: "upstream, answers",
  async open() {
    const simulator = await openSimulator();
    const ways = [...rows, ...more].flatMap((row, at) => waysOf(row, at));
    const stage = await Stage.open({
      providers: Object.fromEntries(
        [...ways.map(({ provider }) => provider), "spare"].map((name) => [name, { base_url: simulator.url }]),
      ),
      models: Object.fromEntries(
        ways
          .filter(({ withSpare }) => withSpare)
          .map(({ provider, row }) => [provider, [`${provider}/fault.${row.fault}`, SPARE]]),
      ),
      limits: SHORT_LIMITS,
      retry: { base_delay: "0.001s", max_delay: "0.002s" },
      watched: [watch(simulator)],
    });
    return {
      stage,
      cases: ways.map(toCase),
      async close() {
        await stage.close();
        await simulator.close();
      },
    };
  },
};

/** A simulator as the invariants look at it. */
export function watch(simulator: Simulator): Watched {
  return {
    get arrivals() {
      return simulator.calls.at(-1)?.number ?? 0;
    },
    get open() {
      return simulator.openRequests;
    },
  };
}

function waysOf(row: FullRow, at: number): readonly Way[] {
  return (["unary", "stream"] as const).flatMap((delivery) =>
    [false, true].map((withSpare) => ({
      provider: `p${at}${delivery[0]}${withSpare ? 2 : 1}`,
      row,
      delivery,
      withSpare,
    })),
  );
}

function toCase({ provider, row, delivery, withSpare }: Way): FaultCase {
  const expected = row[delivery];
  const model = withSpare ? provider : `${provider}/fault.${row.fault}`;
  const rescued = withSpare && !("text" in expected) && expected.shown === undefined && !STAYS.has(expected.reason);
  const wanted = rescued ? { whole: PLAIN } : { ...wantedOf(expected), ...row.wanted };
  return {
    name: `${row.fault}, ${delivery}${withSpare ? ", with a spare" : ""}`,
    expected: rescued ? tellRescue(expected) : tellExpected(expected),
    play: async (stage) => tell(await stage.call(delivery, model, LARGE.test(row.fault) ? PATIENT : {}), wanted),
  };
}

function wantedOf(expected: Expected): Wanted {
  if ("text" in expected) return { whole: expected.text };
  return expected.shown === undefined ? {} : { shown: expected.shown };
}

function tellExpected(expected: Expected): string {
  if ("text" in expected) return "OK, whole; answers";
  const { reason, retryAfterMs, shown } = expected;
  const retry = retryAfterMs === undefined ? "" : `; retry in ${retryAfterMs / 1000} s`;
  const partial = shown === undefined ? "" : "; partial";
  return `${codes[reason]} ${short(reason)}; ${tellFailures(expected, expected.requests)}${retry}${partial}`;
}

/** The spare has one of the three attempts; a target that is silent, or says when to come back, is left at once. */
function tellRescue(expected: Exclude<Expected, { readonly text: string }>): string {
  return `OK, whole; ${tellFailures(expected, Math.min(expected.requests, 2))}, spare answers`;
}

function tellFailures({ reason, status }: Exclude<Expected, { readonly text: string }>, times: number): string {
  const failure = `${short(reason)} ${status}`;
  return times === 1 ? failure : `${times}× ${failure}`;
}
