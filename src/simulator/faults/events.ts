import type { Behaviour, Exchange } from "../behaviour.ts";
import { hold } from "../clock.ts";
import { chunkWriter } from "../completion.ts";
import { errorBody } from "../errors.ts";
import { count, flag } from "../options.ts";
import { answerHeaders, done, envelopeOf, frame } from "../send.ts";
import { sendBytewise } from "./bytewise.ts";
import { fault, plainBody, plainStream, sendEvents, sendStart, streamFault } from "./fault.ts";

const keepOpen = { hold: flag("leaves the connection open after the last event, until the client leaves") };

/** Faults in the events of a stream whose bytes and connection are in order. */
export const eventFaults: readonly Behaviour[] = [
  fault(
    "no-finish-reason",
    "a whole text and a clean end, but no finish_reason (of a unary answer: null)",
    { done: flag("sends [DONE] all the same") },
    async (exchange, given) => {
      if (exchange.request.stream) {
        const { content, usage } = plainStream(exchange);
        await sendEvents(exchange, [...content, ...usage, ...(given.done ? [done] : [])]);
        return;
      }
      const body = plainBody(exchange).replace(/"finish_reason":"\w+"/, '"finish_reason":null');
      await exchange.reply.send(200, answerHeaders(exchange), [body]);
    },
  ),

  streamFault("missing-done", "a whole answer without [DONE]", keepOpen, async (exchange, given) => {
    const { content, finish, usage } = plainStream(exchange);
    await endOrHold(exchange, [...content, finish, ...usage], given.hold);
  }),

  streamFault("data-after-done", "a whole answer, and more text after [DONE]", keepOpen, async (exchange, given) => {
    const { content, finish, usage } = plainStream(exchange);
    const more = frame(chunkWriter(envelopeOf(exchange)).text("content", " LATE"));
    await endOrHold(exchange, [...content, finish, ...usage, done, more], given.hold);
  }),

  streamFault("two-finish-reasons", "finish_reason stop, then finish_reason length", {}, async (exchange) => {
    const { content, finish, usage } = plainStream(exchange);
    const second = frame(chunkWriter(envelopeOf(exchange)).finish("length"));
    await sendEvents(exchange, [...content, finish, second, ...usage, done]);
  }),

  fault("invalid-json-event", "one event in the middle is no JSON (of a unary answer: the body)", {}, (exchange) =>
    exchange.request.stream
      ? sendAmid(exchange, ['data: {"id":"chatcmpl-broken","choices":[{"delta":{"content":\n\n'])
      : exchange.reply.send(200, answerHeaders(exchange), ['{"id":"chatcmpl-broken","choices":[{"message":']),
  ),

  fault(
    "non-object-event",
    "four events in the middle are JSON but no objects (of a unary answer: the body)",
    {},
    (exchange) =>
      exchange.request.stream
        ? sendAmid(exchange, ["null", "42", '"text"', "[]"].map(frame))
        : exchange.reply.send(200, answerHeaders(exchange), ["[]"]),
  ),

  streamFault("unknown-event-type", "an event of a type that nobody knows, in the middle", {}, (exchange) =>
    sendAmid(exchange, ['event: simulator.unheard_of\ndata: {"type":"simulator.unheard_of","value":1}\n\n']),
  ),

  fault(
    "comments-and-pings",
    "a good answer with comments, pings, retry and id lines and empty events (unary: leading white space)",
    {},
    async (exchange) => {
      if (!exchange.request.stream) {
        await exchange.reply.send(200, answerHeaders(exchange), ["\n         \n\n", plainBody(exchange)]);
        return;
      }
      const { content, finish, usage } = plainStream(exchange);
      const noise = [": OPENROUTER PROCESSING\n\n", ":\n\n", "\n\n", "retry: 3000\n\n", "id: 7\n\n", "event: ping\n\n"];
      const noisy = content.flatMap((event, index) => [noise[index % noise.length] ?? "", event]);
      await sendEvents(exchange, [...noisy, ": last words\n\n", finish, ...usage, done]);
    },
  ),

  framing("cr-framing", "a good stream whose lines end in CR", "\r"),
  framing("lf-framing", "a good stream whose lines end in LF, as usual", "\n"),
  framing("crlf-framing", "a good stream whose lines end in CR LF", "\r\n"),

  fault(
    "overloaded-in-stream",
    "status 200, then an error event and a clean end (of a unary answer: an error as the body)",
    { events: count("tokens sent before the error (of 10)", 0, { most: 10 }) },
    async (exchange, given) => {
      const error = JSON.stringify(errorBody("Overloaded", { type: "overloaded_error", code: "overloaded" }));
      if (!exchange.request.stream) {
        await exchange.reply.send(200, answerHeaders(exchange), [error]);
        return;
      }
      await sendStart(exchange, given.events);
      exchange.reply.end(frame(error));
    },
  ),
];

function framing(name: string, description: string, newline: string): Behaviour {
  const options = { split: flag("sends every byte in a chunk of its own, so that CR and LF come apart") };
  return streamFault(name, description, options, async (exchange, { split }) => {
    const body = plainBody(exchange).replaceAll("\n", newline);
    if (split) await sendBytewise(exchange, [body]);
    else await sendEvents(exchange, [body]);
  });
}

/** A good stream with these events after its third token. */
async function sendAmid(exchange: Exchange, events: readonly string[]): Promise<void> {
  const { content, finish, usage } = plainStream(exchange);
  await sendEvents(exchange, [...content.slice(0, 4), ...events, ...content.slice(4), finish, ...usage, done]);
}

async function endOrHold(exchange: Exchange, events: readonly string[], held: boolean): Promise<void> {
  if (!held) {
    await sendEvents(exchange, events);
    return;
  }
  exchange.reply.head(200, answerHeaders(exchange));
  await exchange.reply.writeAll(events);
  await hold(exchange.reply.signal);
}
