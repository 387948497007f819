/** A gateway in front of scripted upstreams, and calls through it told as plain values. */
import { ConnectError } from "@connectrpc/connect";
import { onTestFinished } from "vitest";
import type { Attempt } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, startGateway, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { describeAttempt, describeError, type Outcome } from "../support/outcome.ts";

export { describeAttempt, type Outcome } from "../support/outcome.ts";

/** Waits short enough for tests, and retries that hardly wait. */
export const QUICK_LIMITS = {
  headers_timeout: "0.3s",
  first_token_timeout: "0.3s",
  idle_timeout: "0.3s",
  attempt_timeout: "0.6s",
  max_response_bytes: 1_048_576,
  max_event_bytes: 65_536,
};

/** For tests that wait for no timeout: on a busy machine, the quick ones come before the answers. */
export const PATIENT_LIMITS = { headers_timeout: "9s", first_token_timeout: "9s", idle_timeout: "9s" };

const QUICK_RETRY = { base_delay: "0.001s", max_delay: "0.002s" };

export type Delivery = "unary" | "stream";
export type Door = "client" | "connectClient" | "webClient";

/** A simulator that closes with the test. */
export async function simulate(): Promise<Simulator> {
  const simulator = await openSimulator();
  onTestFinished(() => simulator.close());
  return simulator;
}

export interface GatewayScript {
  /** Base URL, or more of the provider's configuration, by name. */
  readonly providers: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;
  /** Targets, or more of the model's configuration, by alias. */
  readonly models?: Readonly<Record<string, readonly string[] | Readonly<Record<string, unknown>>>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly retry?: Readonly<Record<string, unknown>>;
  readonly breaker?: Readonly<Record<string, unknown>>;
  readonly prices?: Readonly<Record<string, unknown>>;
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/** The configuration as YAML: JSON is a part of it. */
export function toYaml(script: GatewayScript): string {
  const {
    providers,
    models = {},
    limits = QUICK_LIMITS,
    retry = QUICK_RETRY,
    breaker,
    prices = {},
    capabilities = {},
  } = script;
  const each = <V, T>(record: Readonly<Record<string, V>>, to: (value: V) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));
  return JSON.stringify({
    providers: each(providers, (given) => ({
      dialect: "openai-chat",
      ...(typeof given === "string" ? { base_url: given } : given),
    })),
    models: each(models, (given) => (Array.isArray(given) ? { targets: given } : given)),
    limits,
    retry,
    // Many failures of one target are what most tests are about.
    breaker: { consecutive_failures: 1000, min_attempts: 1000, ...breaker },
    prices,
    capabilities,
  });
}

/** A gateway that closes with the test. */
export async function serve(script: GatewayScript, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway(toYaml(script), options);
  onTestFinished(() => gateway.close());
  return gateway;
}

export interface CallOptions {
  readonly door?: Door;
  readonly handling?: Readonly<Record<string, unknown>>;
  readonly prompt?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sees the error whole. */
  readonly onError?: (error: ConnectError) => void;
}

/** Makes a call and waits for its end. Never rejects for a failed call. */
export async function run(
  gateway: TestGateway,
  delivery: Delivery,
  model: string,
  options: CallOptions = {},
): Promise<Outcome> {
  const { door = "client", handling, prompt = {}, onError, ...rpc } = options;
  const asked = ask(model);
  const request = { ...asked, prompt: { ...asked.prompt, ...prompt }, ...(handling === undefined ? {} : { handling }) };
  let text = "";
  try {
    if (delivery === "unary") {
      const { parts, attempts } = await gateway[door].complete(request, rpc);
      for (const { content } of parts) if (content.case === "text") text += content.value;
      return { code: "OK", text, attempts: attempts.map(describeAttempt) };
    }
    let ended: readonly Attempt[] | undefined;
    for await (const { event } of gateway[door].stream(request, rpc)) {
      if (event.case === "blockDelta") text += event.value.text;
      if (event.case === "end") ended = event.value.attempts;
    }
    if (ended === undefined) throw new Error("The stream ended well, but without its end event.");
    return { code: "OK", text, attempts: ended.map(describeAttempt) };
  } catch (thrown) {
    if (!(thrown instanceof ConnectError)) throw thrown;
    onError?.(thrown);
    return { ...describeError(thrown), text };
  }
}

/** Rejects where a promise takes longer than it may. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The gateway's log lines of calls that ended. */
export function callLines(gateway: TestGateway): readonly Readonly<Record<string, unknown>>[] {
  return gateway.logged.filter(({ msg }) => msg === "call");
}
