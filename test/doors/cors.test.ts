/** Browsers: kept out unless their page's origin is configured. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";

const PATH = "/sluice.v1.GatewayService/Complete";
const ORIGIN = "https://app.example.com";
const body = JSON.stringify({
  attribution: { feature: "test" },
  prompt: { model: "house/echo", messages: [{ role: "ROLE_USER", parts: [{ text: "Hello" }] }] },
});

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

interface Answer {
  readonly status: number;
  readonly text: string;
  /** CORS headers and `vary` only. */
  readonly headers: Readonly<Record<string, string>>;
}

async function send(
  gateway: TestGateway,
  method: "OPTIONS" | "POST",
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(`http://${gateway.httpAddress}${PATH}`, {
    method,
    headers: { connection: "close", "content-type": "application/json", ...headers },
    ...(method === "POST" ? { body } : {}),
  });
  const shown = [...response.headers].filter(([name]) => name === "vary" || name.startsWith("access-control-"));
  return { status: response.status, text: await response.text(), headers: Object.fromEntries(shown) };
}

const preflight = (gateway: TestGateway, origin: string): Promise<Answer> =>
  send(gateway, "OPTIONS", { origin, "access-control-request-method": "POST" });
const call = (gateway: TestGateway, origin: string): Promise<Answer> => send(gateway, "POST", { origin });

const exposed =
  "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Content-Encoding, Connect-Content-Encoding, sluice-request-id";

function permission(origin: string) {
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-expose-headers": exposed,
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": expect.stringMatching(
      /^(?=.*Content-Type)(?=.*Connect-Protocol-Version)(?=.*Connect-Timeout-Ms)(?=.*X-Grpc-Web)(?=.*Grpc-Timeout)(?=.*authorization)(?=.*traceparent)/,
    ),
    "access-control-max-age": "7200",
  };
}

describe("without configured origins", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway(houseConfig(simulator.url));
  });

  afterAll(() => gateway.close());

  test("a preflight is refused, and told what to do", async () => {
    expect(await preflight(gateway, ORIGIN)).toEqual({
      status: 403,
      text: "This origin may not call. Add it to listen.cors_origins.\n",
      headers: {},
    });
  });

  test("an answer carries nothing that lets a page read it", async () => {
    expect(await call(gateway, ORIGIN)).toMatchObject({ status: 200, headers: {} });
    expect((await call(gateway, ORIGIN)).headers).toEqual({});
  });
});

describe("with a configured origin", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    const listen = `listen: { cors_origins: ["${ORIGIN}", "http://localhost:3000"] }\n`;
    gateway = await startGateway(houseConfig(simulator.url, listen));
  });

  afterAll(() => gateway.close());

  test.each([ORIGIN, "http://localhost:3000"])("a preflight of %s is allowed", async (origin) => {
    expect(await preflight(gateway, origin)).toEqual({ status: 204, text: "", headers: permission(origin) });
  });

  test("its pages may read answers, and the headers that they need", async () => {
    expect((await call(gateway, ORIGIN)).headers).toEqual({
      vary: "Origin",
      "access-control-allow-origin": ORIGIN,
      "access-control-expose-headers": exposed,
    });
  });

  test.each(["https://evil.example", "https://app.example.com.evil.example", "https://APP.example.com", "null", ""])(
    "other origins are kept out: %j",
    async (origin) => {
      expect(await preflight(gateway, origin)).toMatchObject({ status: 403 });
      expect((await preflight(gateway, origin)).headers).toEqual({ vary: "Origin" });
      expect((await call(gateway, origin)).headers).toEqual({ vary: "Origin" });
    },
  );
});

test("with * every origin may call", async () => {
  const gateway = await startGateway(houseConfig(simulator.url, 'listen: { cors_origins: ["*"] }\n'));
  try {
    expect(await preflight(gateway, ORIGIN)).toEqual({ status: 204, text: "", headers: permission("*") });
    expect((await call(gateway, ORIGIN)).headers).toMatchObject({ "access-control-allow-origin": "*" });
  } finally {
    await gateway.close();
  }
});
