import { connect } from "node:net";
import { type Clock, openSimulator, type Simulator, type SimulatorOptions } from "../../src/simulator/server.ts";

const wallMs = 1_700_000_000_000;

/** Runs a test against a simulator of its own; afterwards no socket and no request may be left. */
export async function withSimulator(
  use: (simulator: Simulator) => Promise<void>,
  options: SimulatorOptions = {},
): Promise<void> {
  const simulator = await openSimulator({ clock: createStepClock().clock, ...options });
  try {
    await use(simulator);
  } finally {
    await simulator.close();
  }
  if (simulator.openRequests + simulator.openSockets > 0) throw new Error("The simulator left something open.");
}

/** A clock whose delays pass at once; `delays` says how long they would have been. */
export function createStepClock(): {
  readonly clock: Clock;
  readonly delays: number[];
  readonly advance: (ms: number) => void;
} {
  let nowMs = 0;
  const delays: number[] = [];
  const advance = (ms: number) => {
    nowMs += ms;
  };
  const delay = (ms: number) => {
    delays.push(ms);
    advance(ms);
    return Promise.resolve();
  };
  return { clock: { nowMs: () => nowMs, wallMs: () => wallMs, delay }, delays, advance };
}

export const user = (content: unknown) => ({ role: "user", content });

export function post(
  simulator: Simulator,
  body: Record<string, unknown>,
  init: { headers?: Record<string, string>; signal?: AbortSignal; redirect?: "manual" } = {},
): Promise<Response> {
  return fetch(`${simulator.url}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ messages: [user("Hello")], ...body }),
    ...init,
  });
}

interface Told {
  readonly status: number;
  readonly body: unknown;
}

export async function ask(simulator: Simulator, body: Record<string, unknown>, headers = {}): Promise<Told> {
  const response = await post(simulator, body, { headers });
  return { status: response.status, body: await response.json() };
}

/** The choice of a unary answer without its usual parts, and the usage. */
export async function askMessage(simulator: Simulator, body: Record<string, unknown>) {
  const { body: completion } = await ask(simulator, body);
  const { choices, usage } = completion as { choices: Record<string, unknown>[]; usage: Record<string, number> };
  return { ...choices[0], tokens: [usage.prompt_tokens, usage.completion_tokens] };
}

/** The data of every event of a stream: parsed where it is JSON. */
export async function askStream(simulator: Simulator, body: Record<string, unknown>): Promise<unknown[]> {
  const response = await post(simulator, { stream: true, ...body });
  return readEvents(await response.text());
}

export function readEvents(text: string): unknown[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length))
    .map((data) => (data === "[DONE]" ? data : JSON.parse(data)));
}

/** The deltas of a stream, and how it ended: `[finish_reason]` and `[DONE]`. */
export async function askDeltas(simulator: Simulator, body: Record<string, unknown>): Promise<unknown[]> {
  return deltasOf(await askStream(simulator, body));
}

export function deltasOf(events: readonly unknown[]): unknown[] {
  return events.map((event) => {
    const chunk = event as { choices?: { delta: object; finish_reason: string | null }[] } | null;
    const choice = chunk?.choices?.[0];
    if (choice === undefined) return event;
    return choice.finish_reason === null ? choice.delta : [choice.finish_reason];
  });
}

export interface Wire {
  /** The status line's number; NaN where no head came. */
  readonly status: number;
  readonly head: string;
  /** What followed the head, with its transfer encoding. */
  readonly body: string;
  /** How the connection ended: FIN, or the error's code. */
  readonly end: string;
}

/** Sends a request on a bare socket and reads until the simulator closes it. */
export function askWire(simulator: Simulator, body: Record<string, unknown>): Promise<Wire> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let end = "FIN";
    const socket = connect(simulator.port, "127.0.0.1");
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end = error.code ?? error.message;
    });
    socket.on("close", () => {
      const [head = "", ...rest] = Buffer.concat(chunks).toString("latin1").split("\r\n\r\n");
      resolve({ status: Number(head.split(" ")[1]), head, body: rest.join("\r\n\r\n"), end });
    });
    socket.write(requestText(body));
  });
}

export function requestText(body: Record<string, unknown>): string {
  const json = JSON.stringify({ messages: [user("Hello")], ...body });
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: simulator\r\ncontent-length: ${Buffer.byteLength(json)}\r\nconnection: close\r\n\r\n${json}`;
}
