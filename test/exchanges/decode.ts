/** Decodes a recorded body as the gateway does, without sockets: chunks in, events or an error out. */

import { collect } from "../../src/domain/collect.ts";
import type { CompleteResponse } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { createFrameParser, type Framing } from "../../src/wire/framing.ts";
import type { Exchange } from "./exchanges.ts";

export interface Decoded {
  readonly events: readonly ChatEvent[];
  readonly error: GatewayError | undefined;
}

/** 2026-11-01, for dates in retry hints. */
const WALL_NOW = Date.UTC(2026, 10, 1);

/** The frames of a stream whose bytes come in these chunks. */
export function frames(chunks: Iterable<Uint8Array>, framing: Framing = "sse"): Frame[] {
  const parser = createFrameParser(framing, 1 << 20);
  const found: Frame[] = [];
  for (const chunk of chunks) found.push(...parser.push(chunk));
  found.push(...parser.finish());
  return found;
}

export function decode(dialect: Dialect, exchange: Exchange, chunks: Iterable<Uint8Array>): Decoded {
  const events: ChatEvent[] = [];
  try {
    if (exchange.status >= 300) throw dialect.explain(exchange, Buffer.concat([...chunks]).toString("utf8"), WALL_NOW);
    const whole = exchange.body_format === "json" || exchange.body_format === "html";
    const decoder = dialect.createDecoder({ model: exchange.model, whole, mintCallId: (n) => `minted_${n}` });
    if (!whole) {
      for (const frame of frames(chunks, dialect.framing)) events.push(...decoder.push(frame));
    } else {
      events.push(...decoder.push({ data: Buffer.concat([...chunks]).toString("utf8") }));
    }
    events.push(...decoder.finish());
    return { events, error: undefined };
  } catch (error) {
    if (error instanceof GatewayError) return { events, error };
    throw error;
  }
}

/** What was delivered, with an end put on where a failure left none. */
export async function fold({ events }: Decoded): Promise<CompleteResponse> {
  const end: ChatEvent = {
    case: "end",
    value: {
      $typeName: "sluice.v1.StreamEnd",
      requestId: "",
      finishReason: 0,
      providerFinishReason: "",
      provider: "",
      model: "",
      providerResponseId: "",
      attempts: [],
    },
  };
  return await collect({ first: events.at(-1)?.case === "end" ? events : [...events, end], rest: undefined });
}

/** Text, reasoning and calls of an answer, in the words of the recorded expectations. */
export function summarize(response: CompleteResponse) {
  const texts: string[] = [];
  const reasoning: string[] = [];
  const toolCalls: { id: string; name: string; arguments: unknown }[] = [];
  for (const { content } of response.parts) {
    if (content.case === "text") texts.push(content.value);
    else if (content.case === "reasoning") reasoning.push(content.value.text);
    else if (content.case === "toolCall") {
      const { callId, name, argumentsJson } = content.value;
      toolCalls.push({ id: callId, name, arguments: parse(argumentsJson) });
    }
  }
  return { text: texts.join(""), reasoning: reasoning.join(""), toolCalls };
}

/** Arguments as the expectations have them: parsed, null for none, or the raw text where it does not parse. */
export function parse(json: string): unknown {
  if (json === "") return null;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
