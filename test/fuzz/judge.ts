/** Gives a body to a dialect, as the gateway does, and looks at what it makes of it. */
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { CompleteResponseSchema, StreamResponseSchema } from "../../gen/sluice/v1/gateway_service_pb.ts";
import { collect } from "../../src/domain/collect.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { createFrameParser } from "../../src/wire/framing.ts";

export interface Input {
  readonly chunks: readonly Uint8Array[];
  readonly whole: boolean;
  /** Of an answer that is no success, what is explained. */
  readonly status: number;
}

/** No input may take longer, ms. */
export const MOST_MS = 100;

/** Of one event's bytes or characters: beyond, an answer is refused. Small, so that this is met too. */
const MAX_EVENT = 1 << 18;

const WALL_NOW = Date.UTC(2026, 10, 1);

const HEADERS = { "x-amzn-errortype": "ThrottlingException:http://internal/", "retry-after": "7" };

/** The answer's events, or the error that the gateway has for it. Throws where there is something to mend. */
function decode(dialect: Dialect, { chunks, whole, status }: Input): ChatEvent[] {
  const events: ChatEvent[] = [];
  try {
    if (status >= 300)
      throw dialect.explain({ status, headers: HEADERS }, Buffer.concat(chunks).toString("utf8"), WALL_NOW);
    const decoder = dialect.createDecoder({ model: "m", whole, mintCallId: (n) => `minted_${n}` });
    if (whole) events.push(...decoder.push({ data: Buffer.concat(chunks).toString("utf8") }));
    else {
      const parser = createFrameParser(dialect.framing, MAX_EVENT);
      for (const chunk of chunks) {
        for (const frame of parser.push(chunk)) for (const event of decoder.push(frame)) events.push(event);
        if (decoder.ended) break;
      }
      if (!decoder.ended)
        for (const frame of parser.finish()) for (const event of decoder.push(frame)) events.push(event);
    }
    for (const event of decoder.finish()) events.push(event);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.message === "") throw new Error("An error says nothing.", { cause: error });
  }
  return events;
}

/** Blocks open once, in order, before they are filled, and close once; one end, and nothing after it. */
function checkOrder(events: readonly ChatEvent[]): void {
  const open = new Set<number>();
  let next = 0;
  events.forEach((event, at) => {
    switch (event.case) {
      case "start":
        if (at !== 0) throw new Error("A start comes late.");
        return;
      case "blockStart":
        if (event.value.index !== next++) throw new Error("Blocks open out of order.");
        open.add(event.value.index ?? 0);
        return;
      case "blockDelta":
        if (!open.has(event.value.index ?? 0)) throw new Error("A block is filled that is not open.");
        return;
      case "blockEnd":
        if (!open.delete(event.value.index ?? 0)) throw new Error("A block closes that is not open.");
        return;
      case "end":
        if (at !== events.length - 1 || open.size > 0) throw new Error("The end comes early.");
        return;
      case "restart":
        throw new Error("Only the gateway says that an answer begins anew.");
    }
  });
}

/** What callers get, in both of the forms in which it is sent. */
async function send(events: readonly ChatEvent[]): Promise<void> {
  for (const event of events) {
    const message = create(StreamResponseSchema, { event });
    toBinary(StreamResponseSchema, message);
    toJson(StreamResponseSchema, message);
  }
  if (events.at(-1)?.case !== "end") return;
  const response = await collect({ first: events, rest: undefined });
  toBinary(CompleteResponseSchema, response);
  toJson(CompleteResponseSchema, response);
}

export interface Verdict {
  /** What is to be mended; undefined where all is well. */
  readonly wrong: string | undefined;
  readonly events: number;
  readonly ms: number;
}

/** `isSent`: whether it is also looked at whether the answer can be sent, which takes longer than the rest. */
export async function judge(dialect: Dialect, input: Input, isSent: boolean): Promise<Verdict> {
  const startedAt = performance.now();
  let events: ChatEvent[] = [];
  try {
    events = decode(dialect, input);
    const ms = performance.now() - startedAt;
    checkOrder(events);
    if (isSent) await send(events);
    const isSlow = ms > MOST_MS && fastest(dialect, input) > MOST_MS;
    return { wrong: isSlow ? `It takes ${Math.round(ms)} ms.` : undefined, events: events.length, ms };
  } catch (error) {
    const wrong = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { wrong, events: events.length, ms: performance.now() - startedAt };
  }
}

/** Once more, several times, by the time that this thread had: others use the machine too. */
function fastest(dialect: Dialect, input: Input): number {
  const times = [0, 1, 2, 3].map(() => {
    const before = process.threadCpuUsage();
    decode(dialect, input);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}
