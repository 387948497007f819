import type { Behaviour } from "../behaviour.ts";
import { hold } from "../clock.ts";
import { count, duration, flag } from "../options.ts";
import { answerHeaders, bodyOf, sendAnswer } from "../send.ts";
import { fault, plainAnswer, plainBody, sendStart } from "./fault.ts";

const events = count("tokens sent before (of 10); of a unary answer always half the body", 3, { most: 10 });

/**
 * Faults of the connection and of time. A refused connection, a name that does not resolve and a bad certificate come before any
 * model name is sent, so no model name can ask for them: point the client at a closed port or another host instead.
 */
export const connectionFaults: readonly Behaviour[] = [
  fault("reset-before-headers", "RST before any byte of the answer", {}, ({ reply }) => reply.reset()),

  fault(
    "reset-after-headers",
    "RST once the headers are sent",
    { after: duration("wait between the headers and the reset, so that the client can read them", 10) },
    async (exchange, { after }) => {
      exchange.reply.head(200, answerHeaders(exchange));
      exchange.reply.flushHead();
      await exchange.clock.delay(after, exchange.reply.signal);
      exchange.reply.reset();
    },
  ),

  fault("fin-in-body", "FIN after half a body whose content-length promised all of it", {}, async (exchange) => {
    const body = plainBody(exchange);
    exchange.reply.head(200, { ...answerHeaders(exchange), "content-length": String(Buffer.byteLength(body)) });
    await exchange.reply.writeFlushed(body.slice(0, body.length / 2));
    exchange.reply.finish();
  }),

  fault("no-response", "never answers; ends when the client leaves", {}, ({ reply }) => hold(reply.signal)),

  fault(
    "slow-headers",
    "answers well, after a wait before the headers",
    { after: duration("the wait", 10_000) },
    async (exchange, { after }) => {
      await exchange.clock.delay(after, exchange.reply.signal);
      await sendAnswer(exchange, plainAnswer(exchange), { ttft: 0, rate: 0 });
    },
  ),

  fault(
    "slow-first-token",
    "answers well, with the headers at once and then a wait before the body",
    { after: duration("the wait", 10_000) },
    async (exchange, { after }) => {
      const { reply, clock } = exchange;
      reply.head(200, answerHeaders(exchange));
      reply.flushHead();
      await clock.delay(after, reply.signal);
      await reply.endAll(bodyOf(exchange, plainAnswer(exchange)));
    },
  ),

  fault(
    "stall-mid-stream",
    "starts to answer, then is silent until the client leaves",
    { events },
    async (exchange, given) => {
      await sendStart(exchange, given.events);
      await hold(exchange.reply.signal);
    },
  ),

  fault(
    "cut-mid-stream",
    "starts to answer, then closes the connection without an end of the body",
    { events, reset: flag("closes with a RST instead of a FIN") },
    async (exchange, given) => {
      await sendStart(exchange, given.events);
      if (given.reset) exchange.reply.reset();
      else exchange.reply.finish();
    },
  ),

  fault(
    "truncated-event",
    "ends in order, but in the middle of an event (of a unary answer: of the body)",
    { events },
    async (exchange, given) => {
      const { reply, request } = exchange;
      if (request.stream) {
        const next = await sendStart(exchange, given.events);
        reply.end(next.slice(0, next.length / 2));
        return;
      }
      const body = plainBody(exchange);
      await reply.send(200, answerHeaders(exchange), [body.slice(0, body.length / 2)]);
    },
  ),
];
