import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { createSseOrJsonParser } from "../../src/wire/sse-or-json.ts";

function frames(chunks: readonly Uint8Array[], most = 1_000_000): [string | undefined, string][] {
  const parser = createSseOrJsonParser(most);
  const all: Frame[] = [];
  for (const chunk of chunks) all.push(...parser.push(chunk));
  all.push(...parser.finish());
  return all.map(({ event, data }) => [event, data]);
}

const events = 'data: {"text": "[ä]"}\r\n\r\ndata: {"n":\r\ndata: {}}\r\n\r\n';
const error = '{\n  "error": {\n    "code": 499\n  }\n}\n';

describe("server-sent events that may end in JSON", () => {
  test("are events where no JSON follows", () => {
    expect(frames([Buffer.from(events)])).toEqual([
      [undefined, '{"text": "[ä]"}'],
      [undefined, '{"n":\n{}}'],
    ]);
  });

  test.each([
    ["after the events", events + error, 2],
    ["after an event without its blank line", `data: 1\n${error}`, 1],
    ["in place of the events", error, 0],
    ["as an array", `${events}[${error}]`, 2],
    ["on one line", `${events}{"error": {"code": 499}}`, 2],
  ])("give the JSON as an error %s, however the bytes are split", (_name, text, eventsBefore) => {
    const bytes = Buffer.from(text);
    const whole = frames([bytes]);
    expect(whole.map(([event]) => event)).toEqual([...Array<undefined>(eventsBefore).fill(undefined), "error"]);
    expect(text.endsWith(whole.at(-1)?.[1] ?? "")).toBe(true);
    for (let at = 1; at < bytes.length; at++) {
      expect(frames([bytes.subarray(0, at), bytes.subarray(at)]), `split at ${at}`).toEqual(whole);
    }
    expect(frames(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))).toEqual(whole);
  });

  test("are bounded, the JSON too", () => {
    expect(() => frames([Buffer.from(`{${" ".repeat(100)}`)], 64)).toThrow(
      expect.objectContaining({ reason: ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE }),
    );
  });
});
