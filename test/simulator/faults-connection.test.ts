import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/simulator/server.ts";
import { ask, askDeltas, askWire, createStepClock, deltasOf, post, readEvents, withSimulator } from "./client.ts";

const words = ["The", " water", " runs", " down", " from", " the", " hill", " past", " the", " gate"];
const role = { role: "assistant", content: "", refusal: null };
const plain = [role, ...words.map((content) => ({ content })), ["stop"], "[DONE]"];

/** The text of HTTP chunks, and whether the last chunk came. */
function readChunks(body: string): { text: string; whole: boolean } {
  let text = "";
  let rest = body;
  for (;;) {
    const line = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (line < 0 || size === 0) return { text, whole: line >= 0 };
    text += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 2 + size + 2);
  }
}

describe("a connection", () => {
  test.each([true, false])("is reset before any headers (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model: "fault.reset-before-headers", stream });
      expect(wire).toEqual({ status: Number.NaN, head: "", body: "", end: "ECONNRESET" });
    }),
  );

  test("is reset after the headers", () =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model: "fault.reset-after-headers:after=5ms", stream: true });
      expect([wire.status, wire.body, wire.end]).toEqual([200, "", "ECONNRESET"]);
    }));

  test.each([true, false])("is closed in a body that was to be longer (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model: "fault.fin-in-body", stream });
      const promised = Number(/content-length: (\d+)/.exec(wire.head)?.[1]);
      expect([wire.status, wire.end, wire.body.length]).toEqual([200, "FIN", Math.floor(promised / 2)]);
    }),
  );

  test.each([
    ["fault.cut-mid-stream", 4, "FIN"],
    ["fault.cut-mid-stream:events=0", 1, "FIN"],
    ["fault.cut-mid-stream:events=2:reset", 3, "ECONNRESET"],
  ])("is cut in mid-stream by %s", (model, events, end) =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model, stream: true });
      const { text, whole } = readChunks(wire.body);
      expect({ deltas: deltasOf(readEvents(text)), whole, end: wire.end }).toEqual({
        deltas: plain.slice(0, events),
        whole: false,
        end,
      });
    }),
  );

  test("is cut in half a unary body", () =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model: "fault.cut-mid-stream" });
      const promised = Number(/content-length: (\d+)/.exec(wire.head)?.[1]);
      expect([wire.status, wire.end, wire.body.length]).toEqual([200, "FIN", Math.floor(promised / 2)]);
    }));

  test("ends in order in the middle of an event", () =>
    withSimulator(async (simulator) => {
      const wire = await askWire(simulator, { model: "fault.truncated-event:events=2", stream: true });
      const { text, whole } = readChunks(wire.body);
      const cut = text.lastIndexOf("\n\n");
      expect({ deltas: deltasOf(readEvents(text.slice(0, cut))), whole, rest: text.slice(cut, cut + 12) }).toEqual({
        deltas: plain.slice(0, 3),
        whole: true,
        rest: '\n\ndata: {"id',
      });
    }));

  test("ends in order in the middle of a unary body", () =>
    withSimulator(async (simulator) => {
      const response = await post(simulator, { model: "fault.truncated-event" });
      await expect(response.json()).rejects.toThrow(SyntaxError);
    }));
});

describe("a silent upstream", () => {
  test("never answers, and ends when the client leaves", () =>
    withSimulator(async (simulator) => {
      const leave = new AbortController();
      const arriving = simulator.nextCall();
      const answer = post(simulator, { model: "fault.no-response" }, { signal: leave.signal });
      const call = await arriving;
      leave.abort();
      await expect(answer).rejects.toThrow("aborted");
      expect(await call.closed).toEqual({ early: true, atMs: 0, bytesWritten: 0 });
      expect(simulator.openRequests).toBe(0);
    }));

  test("stalls after some tokens until the client leaves", () =>
    withSimulator(async (simulator) => {
      const leave = new AbortController();
      const arriving = simulator.nextCall();
      const response = await post(
        simulator,
        { model: "fault.stall-mid-stream:events=2", stream: true },
        { signal: leave.signal },
      );
      const call = await arriving;
      const reader = response.body?.getReader();
      const first = await reader?.read();
      expect(deltasOf(readEvents(new TextDecoder().decode(first?.value)))).toEqual(plain.slice(0, 3));
      leave.abort();
      expect((await call.closed).early).toBe(true);
    }));
});

describe("a slow upstream", () => {
  test.each([true, false])("answers well after waiting with the headers (stream: %s)", async (stream) => {
    const { clock, delays } = createStepClock();
    await withSimulator(
      async (simulator) => {
        const body = { model: "fault.slow-headers:after=3s", stream };
        if (stream) expect(await askDeltas(simulator, body)).toEqual(plain);
        else expect((await ask(simulator, body)).status).toBe(200);
      },
      { clock },
    );
    expect(delays).toEqual([3000]);
  });

  test("sends its headers at once and the first token later", async () => {
    const waiting = Promise.withResolvers<void>();
    const clock: Clock = { ...createStepClock().clock, delay: () => waiting.promise };
    await withSimulator(
      async (simulator) => {
        const response = await post(simulator, { model: "fault.slow-first-token", stream: true });
        waiting.resolve();
        expect(deltasOf(readEvents(await response.text()))).toEqual(plain);
      },
      { clock },
    );
  });
});
