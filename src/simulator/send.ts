import type { Answer } from "./answers.ts";
import type { Exchange } from "./behaviour.ts";
import { chunkPayloads, completionParts, type Envelope } from "./completion.ts";
import { embeddingParts } from "./embeddings.ts";
import { duration, rate, type Values } from "./options.ts";

/** The options by which an answer takes its time. */
export const paceOptions = {
  ttft: duration("wait before the first token (of a unary answer: before the rest of the time)", 0),
  rate: rate("tokens a second; absent or 0 is as fast as possible"),
};
export type Pace = Values<typeof paceOptions>;

export const done = "data: [DONE]\n\n";

export function frame(payload: string): string {
  return `data: ${payload}\n\n`;
}

/** The headers of an answer, streamed or not. */
export function answerHeaders({ number, request }: Exchange): Record<string, string> {
  const id = `req_simulator_${number}`;
  return request.stream
    ? { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-request-id": id }
    : { "content-type": "application/json", "x-request-id": id };
}

export function envelopeOf({ number, request, clock }: Exchange): Envelope {
  return {
    id: `chatcmpl-simulator-${number}`,
    created: Math.floor(clock.wallMs() / 1000),
    model: request.model,
    includeUsage: request.includeUsage,
  };
}

/** The framed events of a streamed answer, `[DONE]` included. */
export function* eventsOf(exchange: Exchange, answer: Answer): Generator<string> {
  for (const payload of chunkPayloads(envelopeOf(exchange), answer)) yield frame(payload);
  yield done;
}

/** The body of an answer, streamed or not, in parts. */
export function bodyOf(exchange: Exchange, answer: Answer): Iterable<string> {
  return exchange.request.stream ? eventsOf(exchange, answer) : wholeParts(exchange, answer);
}

function wholeParts(exchange: Exchange, answer: Answer): Iterable<string> {
  const { embedding } = exchange.request;
  return embedding === undefined
    ? completionParts(envelopeOf(exchange), answer)
    : embeddingParts(envelopeOf(exchange), exchange.request, embedding);
}

/** Sends an answer as the request asks for it, unary or streamed, at its pace. */
export async function sendAnswer(exchange: Exchange, answer: Answer, pace: Pace): Promise<void> {
  const { request, reply, clock } = exchange;
  if (!request.stream) {
    const waitMs = pace.ttft + (pace.rate > 0 ? (tokensOf(answer) * 1000) / pace.rate : 0);
    if (waitMs > 0) await clock.delay(waitMs, reply.signal);
    await reply.send(200, answerHeaders(exchange), wholeParts(exchange, answer));
    return;
  }
  reply.head(200, answerHeaders(exchange));
  if (pace.ttft > 0) {
    reply.flushHead();
    await clock.delay(pace.ttft, reply.signal);
  }
  if (pace.rate > 0) await writePaced(exchange, answer, pace.rate);
  else await reply.endAll(eventsOf(exchange, answer));
}

/** Each token is due at its place since the first, so a late timer does not slow the stream down. */
async function writePaced(exchange: Exchange, answer: Answer, tokensPerSecond: number): Promise<void> {
  const { reply, clock } = exchange;
  const startMs = clock.nowMs();
  const tokens = tokensOf(answer);
  let index = -1;
  for (const event of eventsOf(exchange, answer)) {
    const dueMs = startMs + (Math.min(Math.max(index, 0), tokens) * 1000) / tokensPerSecond;
    const waitMs = dueMs - clock.nowMs();
    if (waitMs > 0) await clock.delay(waitMs, reply.signal);
    await reply.write(event);
    index++;
  }
  reply.end();
}

function tokensOf({ reasoning, content, refusal, toolCalls }: Answer): number {
  const called = toolCalls.reduce((total, call) => total + 1 + call.arguments.count, 0);
  return reasoning.count + content.count + refusal.count + called;
}
