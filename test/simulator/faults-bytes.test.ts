import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Simulator } from "../../src/simulator/server.ts";
import { askDeltas, askMessage, post, user, withSimulator } from "./client.ts";

const manyBytes = "Zażółć gęślą jaźń – 水车 🌊👩‍🚒 é \u0000 end";

/** The pieces of a body as the HTTP parser found them. */
function askPieces(simulator: Simulator, body: object): Promise<{ pieces: Buffer[]; encoding: string | undefined }> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const sent = request(`${simulator.url}/chat/completions`, { method: "POST", agent: false }, (response) => {
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => resolve({ pieces, encoding: response.headers["content-encoding"] }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(JSON.stringify({ messages: [user("Hello")], ...body }));
  });
}

function textOf(deltas: readonly unknown[]): string {
  return deltas.map((delta) => (delta as { content?: string }).content ?? "").join("");
}

describe("bytes", () => {
  test.each([true, false])("come one at a time, in the middle of characters too (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const { pieces } = await askPieces(simulator, { model: "fault.split-utf8", stream });
      expect(new Set(pieces.map(({ length }) => length))).toEqual(new Set([1]));
      const model = "fault.split-utf8";
      if (stream) expect(textOf(await askDeltas(simulator, { model }))).toBe(manyBytes);
      else expect(await askMessage(simulator, { model })).toMatchObject({ message: { content: manyBytes } });
    }),
  );

  test.each([true, false])("may be no UTF-8 (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const { pieces } = await askPieces(simulator, { model: "fault.invalid-utf8", stream });
      const body = Buffer.concat(pieces);
      expect(() => new TextDecoder("utf-8", { fatal: true }).decode(body)).toThrow(TypeError);
      expect(body.includes(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xc0, 0xaf]))).toBe(true);
    }),
  );

  test("are as many tiny chunks as asked for, or a few more", () =>
    withSimulator(async (simulator) => {
      for (const stream of [true, false]) {
        const { pieces } = await askPieces(simulator, { model: "fault.tiny-chunks:count=20000", stream });
        expect(pieces.every(({ length }) => length === 1)).toBe(true);
        expect(pieces.length).toBeGreaterThanOrEqual(20_000);
        expect(pieces.length).toBeLessThan(22_000);
      }
    }));
});

describe("a large answer", () => {
  test("is one event", () =>
    withSimulator(async (simulator) => {
      const deltas = await askDeltas(simulator, { model: "fault.huge-event:bytes=1MiB" });
      expect(deltas.map((delta) => (delta as { content?: string }).content?.length ?? delta)).toEqual([
        0,
        1_048_576,
        ["stop"],
        "[DONE]",
      ]);
    }));

  test("is one unary body", () =>
    withSimulator(async (simulator) => {
      const told = await askMessage(simulator, { model: "fault.huge-event:bytes=1MiB" });
      expect((told as unknown as { message: { content: string } }).message.content.length).toBe(1_048_576);
    }));

  test.each([true, false])("has no end until the client leaves (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const arriving = simulator.nextCall();
      const response = await post(simulator, { model: "fault.infinite-stream", stream });
      let read = 0;
      for await (const bytes of response.body ?? []) {
        read += bytes.byteLength;
        if (read > 5_000_000) break;
      }
      expect((await (await arriving).closed).early).toBe(true);
    }),
  );

  test("lets other calls be answered meanwhile", () =>
    withSimulator(async (simulator) => {
      const response = await post(simulator, { model: "fault.infinite-stream", stream: true });
      expect(await askMessage(simulator, { model: "echo" })).toMatchObject({ message: { content: "Hello" } });
      await response.body?.cancel();
      await simulator.idle();
    }));
});

describe("an encoding", () => {
  test.each([true, false])("is gzip though nobody asked (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const { pieces, encoding } = await askPieces(simulator, { model: "fault.gzip", stream });
      expect(encoding).toBe("gzip");
      expect(gunzipSync(Buffer.concat(pieces)).toString()).toContain(stream ? "data: [DONE]" : "The water runs");
    }),
  );

  test("is gzip twice", () =>
    withSimulator(async (simulator) => {
      const { pieces, encoding } = await askPieces(simulator, { model: "fault.double-encoding" });
      expect(encoding).toBe("gzip, gzip");
      expect(gunzipSync(gunzipSync(Buffer.concat(pieces))).toString()).toContain("The water runs");
    }));

  test.each([true, false])("makes a small body a large answer (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const body = { model: "fault.gzip-bomb:bytes=32MiB", stream };
      const { pieces } = await askPieces(simulator, body);
      expect(Buffer.concat(pieces).length).toBeLessThan(1_000_000);
      const text = stream
        ? textOf(await askDeltas(simulator, body))
        : ((await askMessage(simulator, body)) as unknown as { message: { content: string } }).message.content;
      expect(text.length).toBeGreaterThanOrEqual(32 * 1024 * 1024);
    }),
  );
});
