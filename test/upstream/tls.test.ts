import * as tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Upstream } from "../support/raw.ts";
import { type Authority, type Certificate, openAuthority } from "./certificates.ts";
import { PLAIN } from "./fault-table.ts";
import { accept, answerWith } from "./raw.ts";
import { type GatewayScript, QUICK_LIMITS, run, serve, simulate } from "./support.ts";

const HERE = "IP:127.0.0.1";
const FINE = JSON.stringify({ choices: [{ message: { content: "Hello" }, finish_reason: "stop" }], model: "m" });

const before = tls.getCACertificates("default");
let authority: Authority;

beforeAll(() => {
  authority = openAuthority();
  tls.setDefaultCACertificates([...before, authority.cert]);
});

afterAll(() => {
  tls.setDefaultCACertificates(before);
  authority.close();
});

const requests: string[] = [];

async function serveWith(certificate: Certificate): Promise<Upstream> {
  requests.length = 0;
  return await answerWith((request, response) => {
    requests.push(request.url ?? "");
    response.setHeader("content-type", "application/json");
    response.end(FINE);
  }, certificate);
}

const at = ({ port }: Upstream) => `https://127.0.0.1:${port}/v1`;

async function behind(upstream: Upstream, more: Partial<GatewayScript> = {}) {
  const simulator = await simulate();
  const gateway = await serve({
    providers: { house: at(upstream), spare: simulator.url },
    models: { pair: ["house/m", "spare/text:tokens=10"] },
    ...more,
  });
  return { simulator, gateway };
}

test("a certificate of a known authority for this host is trusted", async () => {
  const upstream = await serveWith(authority.issue({ names: HERE }));
  const { gateway } = await behind(upstream);
  expect(await run(gateway, "unary", "house/m")).toEqual({
    code: "OK",
    text: "Hello",
    attempts: ["house/m SUCCEEDED 200"],
  });
});

const bad: readonly [string, () => Certificate][] = [
  ["its owner alone vouches for", () => authority.selfSign(HERE)],
  ["has expired", () => authority.issue({ names: HERE, days: -1 })],
  ["is for another host", () => authority.issue({ names: "DNS:elsewhere.example" })],
  ["is for clients only", () => authority.issue({ names: HERE, usage: "clientAuth" })],
  ["an unknown authority signed", issueElsewhere],
];

/** By an authority that nobody knows. */
function issueElsewhere(): Certificate {
  const other = openAuthority();
  try {
    return other.issue({ names: HERE });
  } finally {
    other.close();
  }
}

describe.each(bad)("a certificate that %s", (_, makeCertificate) => {
  test.each(["unary", "stream"] as const)("is refused once, and no request is sent, %s", async (delivery) => {
    const upstream = await serveWith(makeCertificate());
    const { gateway } = await behind(upstream);
    expect(await run(gateway, delivery, "house/m")).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_TLS_FAILED",
      partial: false,
      text: "",
      attempts: ["house/m FAILED UPSTREAM_TLS_FAILED 0"],
    });
    expect([upstream.connections, requests]).toEqual([1, []]);
  });

  test("is left for the next target", async () => {
    const upstream = await serveWith(makeCertificate());
    const { gateway } = await behind(upstream);
    expect(await run(gateway, "unary", "pair")).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: ["house/m FAILED UPSTREAM_TLS_FAILED 0", "spare/text:tokens=10 SUCCEEDED 200"],
    });
    expect([upstream.connections, requests]).toEqual([1, []]);
  });
});

test("a handshake that never ends is left for the next target, and its socket is closed", async () => {
  const upstream = await accept((socket) => socket.resume());
  const { gateway } = await behind(upstream, { limits: { ...QUICK_LIMITS, connect_timeout: "0.1s" } });
  const startedAt = performance.now();
  expect(await run(gateway, "stream", "pair")).toEqual({
    code: "OK",
    text: PLAIN,
    attempts: ["house/m FAILED UPSTREAM_TIMEOUT 0", "spare/text:tokens=10 SUCCEEDED 200"],
  });
  expect(performance.now() - startedAt).toBeLessThan(1500);
  await expect.poll(() => upstream.open, { timeout: 2000, interval: 5 }).toBe(0);
});

test("the connect timeout bounds the handshake, where answers may take longer", async () => {
  const upstream = await accept((socket) => socket.resume());
  const { gateway } = await behind(upstream, { limits: { connect_timeout: "0.2s" } });
  const startedAt = performance.now();
  expect(await run(gateway, "unary", "house/m")).toEqual({
    code: "Unavailable",
    reason: "UPSTREAM_TIMEOUT",
    partial: false,
    text: "",
    attempts: ["house/m FAILED UPSTREAM_TIMEOUT 0"],
  });
  // undici's timers for connections may be a second late.
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test("a server that speaks no TLS is not asked without it", async () => {
  const said: Buffer[] = [];
  const upstream = await accept((socket) => {
    socket.on("data", (chunk) => {
      said.push(chunk);
      socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
  });
  const { gateway } = await behind(upstream);
  const { code, reason, text } = await run(gateway, "unary", "house/m");
  expect({ code, reason, text }).toEqual({ code: "Unavailable", reason: "UPSTREAM_UNREACHABLE", text: "" });
  expect(Buffer.concat(said).includes("POST")).toBe(false);
});
