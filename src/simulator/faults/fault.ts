import { type Answer, composeAnswer } from "../answers.ts";
import { type Behaviour, behaviour, type Exchange } from "../behaviour.ts";
import { ApiError } from "../errors.ts";
import type { Options, Values } from "../options.ts";
import { answerHeaders, bodyOf, eventsOf } from "../send.ts";
import { fixedWords, type Pieces } from "../tokens.ts";

export function fault<O extends Options>(
  name: string,
  description: string,
  options: O,
  play: (exchange: Exchange, values: Values<O>) => Promise<void> | void,
): Behaviour {
  return behaviour(`fault.${name}`, description, options, play);
}

/** A fault that only a stream can have: a unary request is refused with 400. */
export function streamFault<O extends Options>(
  name: string,
  description: string,
  options: O,
  play: (exchange: Exchange, values: Values<O>) => Promise<void> | void,
): Behaviour {
  return fault(name, `${description} (streams only)`, options, (exchange, values) => {
    if (exchange.request.stream) return play(exchange, values);
    throw new ApiError(400, `The model fault.${name} is a fault of streams: ask with "stream": true.`, {
      param: "stream",
    });
  });
}

/** An answer that would be good if it were not for the fault. `max_tokens` and `stop` are not heeded: they could hide the fault. */
export function answerOf({ request }: Exchange, content: Pieces): Answer {
  return composeAnswer({ ...request, maxTokens: undefined, stop: [] }, { content });
}

/** Ten tokens of fixed text. */
export function plainAnswer(exchange: Exchange): Answer {
  return answerOf(exchange, fixedWords(10));
}

/** The framed events of a plain streamed answer, apart by what faults do with them. */
export interface PlainStream {
  /** The role, then one event a token. */
  readonly content: readonly string[];
  readonly finish: string;
  /** The event with the usage, where it was asked for. */
  readonly usage: readonly string[];
}

export function plainStream(exchange: Exchange): PlainStream {
  const events = [...eventsOf(exchange, plainAnswer(exchange))];
  const tail = exchange.request.includeUsage ? 3 : 2;
  return { content: events.slice(0, -tail), finish: events.at(-tail) ?? "", usage: events.slice(1 - tail, -1) };
}

/** A whole plain answer, streamed or not. */
export function plainBody(exchange: Exchange): string {
  return [...bodyOf(exchange, plainAnswer(exchange))].join("");
}

/** Sends a stream made of these events and ends it in order. */
export async function sendEvents({ reply, ...exchange }: Exchange, events: readonly string[]): Promise<void> {
  await reply.send(200, answerHeaders({ reply, ...exchange }), events);
}

/**
 * Sends the start of a plain answer: the role and `events` tokens of a stream, or half of a unary body with the content-length of
 * all of it. Resolves, when the system has taken the bytes, to what would have come next.
 */
export async function sendStart(exchange: Exchange, events: number): Promise<string> {
  const { reply, request } = exchange;
  if (request.stream) {
    const { content, finish } = plainStream(exchange);
    reply.head(200, answerHeaders(exchange));
    await reply.writeFlushed(content.slice(0, events + 1).join(""));
    return content[events + 1] ?? finish;
  }
  const body = plainBody(exchange);
  const half = body.slice(0, body.length / 2);
  reply.head(200, { ...answerHeaders(exchange), "content-length": String(Buffer.byteLength(body)) });
  await reply.writeFlushed(half);
  return body.slice(half.length);
}
