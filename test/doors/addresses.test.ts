/** Where the doors may listen. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { isLoopback, parseAddress } from "../../src/transport/address.ts";
import { startGateway } from "../support/gateway.ts";

const anywhere = { grpcAddress: "0.0.0.0:0", httpAddress: "0.0.0.0:0" };

describe("an address that others can reach", () => {
  test("is refused without TLS, with both doors named", async () => {
    const failure = await startGateway("", { settings: anywhere }).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as ConfigError).problems).toEqual(
      ["listen.grpc", "listen.http"].map((path) => ({
        path,
        message: "0.0.0.0:0 can be reached from other machines: configure listen.tls, or start with --insecure",
      })),
    );
  });

  test("is taken where the operator insists", async () => {
    const gateway = await startGateway("", { settings: anywhere, insecure: true });
    try {
      expect([gateway.grpcAddress, gateway.httpAddress]).toEqual([
        expect.stringMatching(/^0\.0\.0\.0:[1-9]\d*$/),
        expect.stringMatching(/^0\.0\.0\.0:[1-9]\d*$/),
      ]);
      const response = await fetch(`http://127.0.0.1:${gateway.httpAddress.split(":")[1]}/healthz`, {
        headers: { connection: "close" },
      });
      expect(await response.text()).toBe("ok\n");
    } finally {
      await gateway.close();
    }
  });
});

test("a door whose port is taken fails the start, and leaves the other one closed", async () => {
  const first = await startGateway("");
  try {
    const taken = { httpAddress: first.httpAddress };
    await expect(startGateway("", { settings: taken })).rejects.toMatchObject({ code: "EADDRINUSE" });
  } finally {
    await first.close();
  }
});

test.each([
  { value: "127.0.0.1:0", address: { host: "127.0.0.1", port: 0 }, loopback: true },
  { value: "127.9.9.9:65535", address: { host: "127.9.9.9", port: 65535 }, loopback: true },
  { value: "localhost:8080", address: { host: "localhost", port: 8080 }, loopback: true },
  { value: "[::1]:1", address: { host: "::1", port: 1 }, loopback: true },
  { value: "[::]:1", address: { host: "::", port: 1 }, loopback: false },
  { value: "0.0.0.0:1", address: { host: "0.0.0.0", port: 1 }, loopback: false },
  { value: "10.0.0.1:1", address: { host: "10.0.0.1", port: 1 }, loopback: false },
  { value: "127.example.com:1", address: { host: "127.example.com", port: 1 }, loopback: false },
  { value: "localhost.example.com:1", address: { host: "localhost.example.com", port: 1 }, loopback: false },
])("reads $value", ({ value, address, loopback }) => {
  expect(parseAddress(value)).toEqual(address);
  expect(isLoopback(address)).toBe(loopback);
});

test.each(["", "localhost", ":8080", "a:", "a:65536", "a:123456", "::1:8080", "[::1]", "a:b", "a:-1"])(
  "refuses %j",
  (value) => {
    expect(() => parseAddress(value)).toThrow(`${JSON.stringify(value)} is no address: give host:port`);
  },
);
