/**
 * Checks what the suites in bash wrote to files. A file `*.json` holds JSON documents one after the other, a file
 * `*.connect` the messages of a Connect stream in JSON.
 *
 *   answer FILE REQUEST_ID            a whole answer
 *   events FILE REQUEST_ID            a streamed answer
 *   begun FILE [CODE REASON]          a stream that ended early; with a code, because of this error
 *   error FILE CODE [REASON [where-sent]]   an error, and what its ErrorInfo says; with `where-sent`, if it has details
 *   call FEATURE OUTCOME,... MOST_MS  waits for the gateway's log line of a call
 */
import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { checkErrorInfo } from "./error-details.ts";
import { type Answer, checkAnswer, checkBegun, checkEvents, type StreamEvent } from "./expectations.ts";
import { expectCall } from "./gateway-log.ts";

interface ConnectError {
  readonly code: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

interface Stream {
  readonly events: readonly StreamEvent[];
  /** Only in Connect streams that have ended. */
  readonly end?: { readonly error?: ConnectError };
}

type Command = (...args: string[]) => unknown;

const commands: Readonly<Record<string, Command>> = {
  answer(file = "", requestId = "") {
    const [answer, ...more] = readDocuments(file);
    equal(more.length, 0, "there is one answer");
    checkAnswer(answer as Answer, requestId);
  },
  events(file = "", requestId = "") {
    const { events, end } = readStream(file);
    if (isConnect(file)) {
      ok(end !== undefined, "the stream has ended");
      equal(end.error, undefined);
    }
    checkEvents(events, requestId);
  },
  begun(file = "", code, reason) {
    const { events, end } = readStream(file);
    checkBegun(events);
    if (code === undefined) equal(end, undefined, "the stream has not ended by itself");
    else checkError(end?.error, code, reason, true);
  },
  error(file = "", code = "", reason, when) {
    const [error] = readDocuments(file);
    checkError(error as ConnectError | undefined, code, reason, when !== "where-sent");
  },
  call(feature = "", outcomes = "", mostMs = "") {
    return expectCall(feature, outcomes.split(","), Number(mostMs));
  },
};

function checkError(
  error: ConnectError | undefined,
  code: string,
  reason: string | undefined,
  needsDetails: boolean,
): void {
  ok(error !== undefined, "there is an error");
  equal(error.code, code);
  if (reason === undefined || (error.details === undefined && !needsDetails)) return;
  const details = error.details ?? [];
  checkErrorInfo(
    details.map(({ type, value }) => ({ type, value: Buffer.from(value, "base64") })),
    reason,
  );
}

function isConnect(file: string): boolean {
  return file.endsWith(".connect");
}

function readStream(file: string): Stream {
  return isConnect(file) ? readEnvelopes(file) : { events: readDocuments(file) as StreamEvent[] };
}

/** JSON documents, printed with indents or each on one line. */
function readDocuments(file: string): unknown[] {
  return readFileSync(file, "utf8")
    .split(/(?<=^(?:\{.*)?\})\n/m)
    .filter((text) => text.trim() !== "")
    .map((text) => JSON.parse(text) as unknown);
}

const END_OF_STREAM = 2;

/** Whole messages only: the last may be cut, where the client was. */
function readEnvelopes(file: string): Stream {
  const bytes = readFileSync(file);
  const events: StreamEvent[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const from = at + 5;
    const to = from + bytes.readUInt32BE(at + 1);
    if (to > bytes.length) break;
    const message = JSON.parse(bytes.toString("utf8", from, to)) as unknown;
    if (bytes[at] === END_OF_STREAM) return { events, end: message as NonNullable<Stream["end"]> };
    equal(bytes[at], 0, "the flags of a message");
    events.push(message as StreamEvent);
    at = to;
  }
  return { events };
}

const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) throw new Error(`no command "${name}"`);
try {
  await command(...args);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
