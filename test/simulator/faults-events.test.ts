import { describe, expect, test } from "vitest";
import { ask, askDeltas, askMessage, post, withSimulator } from "./client.ts";

const words = ["The", " water", " runs", " down", " from", " the", " hill", " past", " the", " gate"];
const role = { role: "assistant", content: "", refusal: null };
const content = [role, ...words.map((word) => ({ content: word }))];
const plain = [...content, ["stop"], "[DONE]"];
const amid = (...events: unknown[]) => [...content.slice(0, 4), ...events, ...content.slice(4), ["stop"], "[DONE]"];

async function askText(model: string, stream: boolean): Promise<string> {
  let text = "";
  await withSimulator(async (simulator) => {
    text = await (await post(simulator, { model, stream })).text();
  });
  return text;
}

describe("a stream", () => {
  test.each([
    ["fault.no-finish-reason", content],
    ["fault.no-finish-reason:done", [...content, "[DONE]"]],
    ["fault.missing-done", [...content, ["stop"]]],
    ["fault.data-after-done", [...plain, { content: " LATE" }]],
    ["fault.two-finish-reasons", [...content, ["stop"], ["length"], "[DONE]"]],
    ["fault.non-object-event", amid(null, 42, "text", [])],
    ["fault.lf-framing", plain],
    ["fault.lf-framing:split", plain],
    ["fault.comments-and-pings", plain],
  ])("has the events of %s", (model, expected) =>
    withSimulator(async (simulator) => {
      expect(await askDeltas(simulator, { model })).toEqual(expected);
    }),
  );

  test("heeds no limits of the request where they could hide a fault", () =>
    withSimulator(async (simulator) => {
      const body = { model: "fault.missing-done", max_tokens: 1, stop: "The" };
      expect(await askDeltas(simulator, body)).toEqual([...content, ["stop"]]);
    }));

  test("keeps its usage when only [DONE] is missing", () =>
    withSimulator(async (simulator) => {
      const body = { model: "fault.missing-done", stream_options: { include_usage: true } };
      expect((await askDeltas(simulator, body)).slice(-2)).toMatchObject([["stop"], { choices: [], usage: {} }]);
    }));

  test("stays open after [DONE] when it is told to", () =>
    withSimulator(async (simulator) => {
      const leave = new AbortController();
      const arriving = simulator.nextCall();
      const body = { model: "fault.data-after-done:hold", stream: true };
      const response = await post(simulator, body, { signal: leave.signal });
      const decoder = new TextDecoder();
      let text = "";
      for await (const bytes of response.body ?? []) {
        text += decoder.decode(bytes, { stream: true });
        if (text.includes("LATE")) break;
      }
      leave.abort();
      expect((await (await arriving).closed).early).toBe(true);
    }));

  test("has an event that is no JSON in the middle", async () => {
    const events = (await askText("fault.invalid-json-event", true)).split("\n\n");
    expect(events.slice(4, 5)).toEqual(['data: {"id":"chatcmpl-broken","choices":[{"delta":{"content":']);
    expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
  });

  test("has an event of an unknown type in the middle", async () => {
    const events = (await askText("fault.unknown-event-type", true)).split("\n\n");
    expect(events[4]).toBe('event: simulator.unheard_of\ndata: {"type":"simulator.unheard_of","value":1}');
  });

  test("has comments, pings, retry and id lines between its events", async () => {
    const lines = (await askText("fault.comments-and-pings", true)).split("\n");
    expect(new Set(lines.filter((line) => line !== "" && !line.startsWith("data: ")))).toEqual(
      new Set([": OPENROUTER PROCESSING", ":", "retry: 3000", "id: 7", "event: ping", ": last words"]),
    );
  });

  test.each([
    ["fault.cr-framing", "\r"],
    ["fault.cr-framing:split", "\r"],
    ["fault.crlf-framing", "\r\n"],
    ["fault.crlf-framing:split", "\r\n"],
  ])("ends its lines as %s says", async (model, newline) => {
    const text = await askText(model, true);
    const lines = text.split(newline);
    expect(lines.length).toBe(2 * plain.length + 1);
    expect(lines.filter((line) => /[\r\n]/.test(line))).toEqual([]);
  });

  test.each([
    ["fault.overloaded-in-stream", 1],
    ["fault.overloaded-in-stream:events=2", 3],
  ])("ends in an error event: %s", (model, events) =>
    withSimulator(async (simulator) => {
      const error = { message: "Overloaded", type: "overloaded_error", param: null, code: "overloaded" };
      expect(await askDeltas(simulator, { model })).toEqual([...plain.slice(0, events), { error }]);
    }),
  );
});

describe("a unary body", () => {
  test("has null for the finish reason that is left out", () =>
    withSimulator(async (simulator) => {
      const told = await askMessage(simulator, { model: "fault.no-finish-reason" });
      expect(told).toMatchObject({ message: { content: words.join("") }, finish_reason: null });
    }));

  test("is no JSON, no object, or an error", () =>
    withSimulator(async (simulator) => {
      const broken = await post(simulator, { model: "fault.invalid-json-event" });
      await expect(broken.json()).rejects.toThrow(SyntaxError);
      expect(await ask(simulator, { model: "fault.non-object-event" })).toEqual({ status: 200, body: [] });
      expect(await ask(simulator, { model: "fault.overloaded-in-stream" })).toEqual({
        status: 200,
        body: { error: { message: "Overloaded", type: "overloaded_error", param: null, code: "overloaded" } },
      });
    }));

  test("starts with white space instead of comments", async () => {
    const text = await askText("fault.comments-and-pings", false);
    expect(text.slice(0, 13)).toBe("\n         \n\n{");
    expect(JSON.parse(text)).toMatchObject({ object: "chat.completion" });
  });
});
