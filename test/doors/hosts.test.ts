/** Host headers that name no host end in a 400, not in the end of the process. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy } from "./failures.ts";
import { connectHttp2, sendRaw } from "./wire.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

afterEach(() => expectHealthy(gateway));

const PATH = "/sluice.v1.GatewayService/Complete";
const rest = "Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const refusal = "The Host header is missing or malformed.\n";

const malformed = ["[", "", " ", "a b", "a/b", "a@b", "a:b", "a:99999", "[::1", "%", "\x80", "x".repeat(300)];

test.each(malformed)("answers 400 to the Host %j", async (host) => {
  const answer = await sendRaw(
    gateway.httpAddress,
    Buffer.from(`POST ${PATH} HTTP/1.1\r\nHost: ${host}\r\n${rest}`, "latin1"),
  );
  expect(answer.split("\r\n", 1)[0]).toBe("HTTP/1.1 400 Bad Request");
  expect(answer).toContain(refusal);
});

test("answers 400 to HTTP/1.0 without a Host", async () => {
  const answer = await sendRaw(gateway.httpAddress, `POST ${PATH} HTTP/1.0\r\n${rest}`);
  expect(answer.split("\r\n", 1)[0]).toBe("HTTP/1.1 400 Bad Request");
  expect(answer).toContain(refusal);
});

test("answers 400 to HTTP/1.1 without a Host", async () => {
  const answer = await sendRaw(gateway.httpAddress, `POST ${PATH} HTTP/1.1\r\n${rest}`);
  expect(answer.split("\r\n", 1)[0]).toBe("HTTP/1.1 400 Bad Request");
});

test.each(["example.com", "example.com:8080", "127.0.0.1:1", "[::1]:8080", "my_service"])(
  "takes the Host %j",
  async (host) => {
    const answer = await sendRaw(gateway.httpAddress, `POST ${PATH} HTTP/1.1\r\nHost: ${host}\r\n${rest}`);
    // The request is empty, which only the service finds out.
    expect(answer).toContain(
      '"code":"invalid_argument","message":"attribution: value is required; prompt: value is required"',
    );
  },
);

test.each(["[", "a:b", "[::1"])("answers 400 to the :authority %j of HTTP/2", async (authority) => {
  const connection = await connectHttp2(`http://${gateway.httpAddress}`);
  try {
    const { headers, body } = await connection.send(
      { ":path": PATH, ":authority": authority, "content-type": "application/json" },
      Buffer.from("{}"),
    );
    expect([headers[":status"], String(body)]).toEqual([400, refusal]);
  } finally {
    await connection.close();
  }
});

test.each([
  { name: "that is absolute", target: `http://[${PATH}` },
  { name: "that is no path", target: "*" },
  { name: "with a query", target: `${PATH}?x=[` },
])("survives a request target $name", async ({ target }) => {
  const answer = await sendRaw(gateway.httpAddress, `POST ${target} HTTP/1.1\r\nHost: a\r\n${rest}`);
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
});
