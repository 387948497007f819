import { gzipSync } from "node:zlib";
import type { Answer } from "../answers.ts";
import type { Behaviour, Exchange } from "../behaviour.ts";
import { chunkWriter, completionParts } from "../completion.ts";
import { bytes, count, rate } from "../options.ts";
import { answerHeaders, bodyOf, done, envelopeOf, eventsOf, frame, sendAnswer } from "../send.ts";
import { each, fixedBytes, fixedWords, listed } from "../tokens.ts";
import { sendBytewise } from "./bytewise.ts";
import { answerOf, fault, plainAnswer, plainBody } from "./fault.ts";

const mib = 1024 ** 2;

/** Characters of one to four bytes in UTF-8, and an emoji joined from several. */
const manyBytes = listed(["Zażółć", " gęślą", " jaźń", " –", " 水车", " 🌊", "👩‍🚒", " é", " \u0000", " end"]);

/** Not UTF-8: bytes that never occur, a lead byte without its tail, a surrogate, an overlong form. */
const brokenBytes = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xc0, 0xaf]);

/** Faults of encoding and size in answers that make sense otherwise. */
export const byteFaults: readonly Behaviour[] = [
  fault("split-utf8", "a good answer of multi-byte characters, each byte in a chunk of its own", {}, (exchange) =>
    sendBytewise(exchange, bodyOf(exchange, answerOf(exchange, manyBytes))),
  ),

  fault("invalid-utf8", "an answer whose text has bytes that are not UTF-8", {}, (exchange) => {
    const answer = answerOf(exchange, listed(["before ", "BROKEN", " after"]));
    const body = Buffer.from([...bodyOf(exchange, answer)].join(""));
    const at = body.indexOf("BROKEN");
    const broken = [body.subarray(0, at), brokenBytes, body.subarray(at + "BROKEN".length)];
    return exchange.reply.send(200, answerHeaders(exchange), broken);
  }),

  fault(
    "huge-event",
    "all of a large text in one event (or one unary body)",
    { bytes: bytes("size of the text", 64 * mib) },
    async (exchange, given) => {
      const answer = answerOf(exchange, fixedBytes(given.bytes, 65_536));
      const parts = exchange.request.stream
        ? oneEvent(exchange, answer)
        : completionParts(envelopeOf(exchange), answer);
      await exchange.reply.send(200, answerHeaders(exchange), parts);
    },
  ),

  fault(
    "infinite-stream",
    "text without end, until the client leaves; max_tokens is not heeded",
    { rate: rate("tokens a second, of streams only; absent or 0 is as fast as the client reads") },
    (exchange, given) => {
      const answer = { ...plainAnswer(exchange), content: fixedWords(Number.POSITIVE_INFINITY) };
      return sendAnswer(exchange, answer, { ttft: 0, rate: exchange.request.stream ? given.rate : 0 });
    },
  ),

  fault(
    "tiny-chunks",
    "a good answer, each byte in a chunk of its own",
    { count: count("the least number of chunks, which is that of bytes", 1_000_000) },
    (exchange, given) => sendBytewise(exchange, bodyOf(exchange, answerOfBytes(exchange, given.count))),
  ),

  fault("gzip", "a good answer in gzip, whether it was asked for or not", {}, async (exchange) => {
    const headers = { ...answerHeaders(exchange), "content-encoding": "gzip" };
    await exchange.reply.send(200, headers, [gzipSync(plainBody(exchange))]);
  }),

  fault("double-encoding", "a good answer in gzip twice", {}, async (exchange) => {
    const headers = { ...answerHeaders(exchange), "content-encoding": "gzip, gzip" };
    await exchange.reply.send(200, headers, [gzipSync(gzipSync(plainBody(exchange)))]);
  }),

  fault(
    "gzip-bomb",
    "a small gzip body that becomes a large answer",
    { bytes: bytes("least size of the text when unpacked", 1024 * mib) },
    async (exchange, given) => {
      const headers = { ...answerHeaders(exchange), "content-encoding": "gzip" };
      await exchange.reply.send(200, headers, bombParts(exchange, given.bytes));
    },
  ),
];

function* oneEvent(exchange: Exchange, answer: Answer): Generator<string> {
  const writer = chunkWriter(envelopeOf(exchange));
  yield frame(writer.delta('{"role":"assistant","content":"","refusal":null}'));
  yield `data: ${writer.textOpening}"`;
  yield* each(answer.content);
  yield `"${writer.textClosing}\n\n`;
  yield frame(writer.finish(answer.finish));
  if (exchange.request.includeUsage) yield frame(writer.usage(answer));
  yield done;
}

/** An answer that is at least `total` bytes long when written as the request asks for it. */
function answerOfBytes(exchange: Exchange, total: number): Answer {
  const piece = fixedBytes(64, 64).at(0);
  const event = frame(chunkWriter(envelopeOf(exchange)).text("content", piece));
  const pieces = Math.ceil(total / (exchange.request.stream ? event.length : piece.length));
  return answerOf(exchange, { count: pieces, at: () => piece });
}

/**
 * The body of a large answer as a row of gzip members, all but the first and last the same: RFC 1952 has readers join the contents
 * of all members. So the sender needs neither the memory nor the time that it costs the reader.
 */
function bombParts(exchange: Exchange, total: number): Iterable<Uint8Array> {
  const { request } = exchange;
  const piece = fixedBytes(65_536, 65_536);
  const answer = answerOf(exchange, piece);
  const parts = [...(request.stream ? eventsOf(exchange, answer) : completionParts(envelopeOf(exchange), answer))];
  const at = parts.findIndex((part) => part.includes(piece.at(0)));
  const block = parts[at] ?? "";
  const perMember = Math.ceil(mib / block.length);
  const member = gzipSync(block.repeat(perMember));
  const members = Math.ceil(total / (piece.at(0).length * perMember));
  return packed(parts.slice(0, at).join(""), member, members, parts.slice(at + 1).join(""));
}

function* packed(before: string, member: Uint8Array, members: number, after: string): Generator<Uint8Array> {
  yield gzipSync(before);
  for (let index = 0; index < members; index++) yield member;
  yield gzipSync(after);
}
