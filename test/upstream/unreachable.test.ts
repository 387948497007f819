import { describe, expect, test } from "vitest";
import { closedPort } from "../support/raw.ts";
import { PLAIN } from "./fault-table.ts";
import { accept, answerWith } from "./raw.ts";
import { QUICK_LIMITS, run, serve, simulate } from "./support.ts";

const attempt = "house/m FAILED UPSTREAM_UNREACHABLE 0";

describe.each([
  ["a port that refuses", async () => `http://127.0.0.1:${await closedPort()}/v1`],
  ["a port that refuses on every address", async () => `http://localhost:${await closedPort()}/v1`],
  ["a name that does not exist", () => Promise.resolve("http://nonexistent.invalid/v1")],
])("%s", (_, makeUrl) => {
  test.each(["unary", "stream"] as const)("is tried again, then told, %s", async (delivery) => {
    const gateway = await serve({ providers: { house: await makeUrl() } });
    expect(await run(gateway, delivery, "house/m")).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_UNREACHABLE",
      partial: false,
      text: "",
      attempts: [attempt, attempt, attempt],
    });
  });

  test("is left for the next target with the last attempt", async () => {
    const simulator = await simulate();
    const gateway = await serve({
      providers: { house: await makeUrl(), spare: simulator.url },
      models: { pair: ["house/m", "spare/text:tokens=10"] },
    });
    expect(await run(gateway, "stream", "pair")).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: [attempt, attempt, "spare/text:tokens=10 SUCCEEDED 200"],
    });
    expect(simulator.calls.length).toBe(1);
  });
});

test("no address of the operator's network is told or hidden in a detail", async () => {
  const port = await closedPort();
  const gateway = await serve({ providers: { house: `http://127.0.0.1:${port}/v1` } });
  const told: string[] = [];
  await run(gateway, "unary", "house/m", {
    onError: (error) => {
      const values = error.details.map((detail) => ("value" in detail ? Buffer.from(detail.value as Uint8Array) : ""));
      told.push(error.message, ...values.map((value) => value.toString("latin1")));
    },
  });
  expect(told.join("\n")).not.toContain(String(port));
  expect(told.join("\n")).not.toContain("127.0.0.1");
});

test("a socket that is taken and closed at once is an unreachable upstream", async () => {
  const upstream = await accept((socket) => socket.destroy());
  const gateway = await serve({ providers: { house: `http://127.0.0.1:${upstream.port}/v1` } });
  const { attempts, reason } = await run(gateway, "stream", "house/m");
  expect({ attempts, reason }).toEqual({ attempts: [attempt, attempt, attempt], reason: "UPSTREAM_UNREACHABLE" });
  expect(upstream.connections).toBe(3);
});

test.each([
  ["no HTTP", "220 mail.example ESMTP\r\n"],
  ["a head without an end", `HTTP/1.1 200 OK\r\n${"x-filler: 0123456789\r\n".repeat(20_000)}`],
  ["a head of two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"],
])("what answers with %s is left without a trace", async (_, text) => {
  const upstream = await accept((socket) => socket.once("data", () => socket.write(text)));
  const gateway = await serve({ providers: { house: `http://127.0.0.1:${upstream.port}/v1` }, limits: QUICK_LIMITS });
  const outcome = await run(gateway, "stream", "house/m");
  expect([outcome.code, outcome.text, outcome.partial]).toEqual(["Unavailable", "", false]);
  await expect.poll(() => upstream.open, { timeout: 2000, interval: 5 }).toBe(0);
});

describe("a redirect", () => {
  const statuses = [300, 301, 302, 303, 304, 305, 307, 308];
  test.each(statuses)("of %i is refused: neither the call nor the key goes elsewhere", async (status) => {
    const elsewhere: string[] = [];
    const other = await answerWith((request, response) => {
      elsewhere.push(String(request.headers.authorization));
      response.end();
    });
    const paths: string[] = [];
    const upstream = await answerWith((request, response) => {
      paths.push(request.url ?? "");
      response.writeHead(status, { location: `http://127.0.0.1:${other.port}/v1/stolen` });
      response.end();
    });
    const simulator = await simulate();
    const gateway = await serve(
      {
        providers: {
          house: { base_url: `http://127.0.0.1:${upstream.port}/v1`, api_key: "env:KEY" },
          spare: simulator.url,
        },
        models: { pair: ["house/m", "spare/text:tokens=10"] },
      },
      { environment: { KEY: "canary" } },
    );
    const refused = `house/m FAILED UPSTREAM_REDIRECTED ${status}`;
    expect(await run(gateway, "stream", "house/m")).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_REDIRECTED",
      partial: false,
      text: "",
      attempts: [refused],
    });
    const { attempts } = await run(gateway, "unary", "pair");
    expect(attempts).toEqual([refused, "spare/text:tokens=10 SUCCEEDED 200"]);
    expect({ paths, elsewhere, connections: other.connections }).toEqual({
      paths: ["/v1/chat/completions", "/v1/chat/completions"],
      elsewhere: [],
      connections: 0,
    });
  });
});
