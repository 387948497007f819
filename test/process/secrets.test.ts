/** Keys are for upstreams: nothing that the process writes or answers holds them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GatewayService } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask } from "../support/gateway.ts";
import { runGateway, spawnGateway } from "./spawn.ts";

/** Parts of it are looked for, too: some upstreams quote the beginning or the end of a key. */
const CANARY = "sk-canary-qz81vkx0wplm";
const parts = ["canary", "qz81", "vkx0", "wplm", Buffer.from(CANARY).toString("base64").slice(0, 20)];

let simulator: Simulator;
let directory: string;

beforeAll(async () => {
  simulator = await openSimulator();
  directory = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
});

afterAll(async () => {
  rmSync(directory, { recursive: true });
  await simulator.close();
});

function expectClean(output: string): void {
  expect(parts.filter((part) => output.includes(part))).toEqual([]);
}

test.each(["env", "file"])(
  "a key by %s: reaches the upstream and nothing else, also where that refuses it",
  async (scheme) => {
    const file = join(directory, "key");
    writeFileSync(file, `${CANARY}\n`);
    const reference = scheme === "env" ? "env:HOUSE_KEY" : `file:${file}`;
    const gateway = spawnGateway({
      yaml: `providers:\n  house: { dialect: openai-chat, base_url: "${simulator.url}", api_key: "${reference}" }\nlog: { level: debug }\n`,
      ...(scheme === "env" ? { environment: { HOUSE_KEY: CANARY } } : {}),
    });
    try {
      const ready = await gateway.line("ready");
      const seen: string[] = [];
      const note = (value: unknown): void => {
        seen.push(JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)));
      };
      const httpUrl = `http://${String(ready.http)}`;
      const clients = [
        createClient(GatewayService, createGrpcTransport({ baseUrl: `http://${String(ready.grpc)}` })),
        createClient(GatewayService, createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1" })),
      ];
      for (const client of clients) {
        for (const fault of [
          "unauthorized",
          "error-status:status=403",
          "server-error",
          "html-503",
          "redirect",
          "reset-before-headers",
        ]) {
          const arrival = simulator.nextCall();
          const request = { ...ask(`house/fault.${fault}`), handling: { notIdempotent: true } };
          await client
            .complete(request)
            .then(note, (error: unknown) => note([ConnectError.from(error), String(error)]));
          expect((await arrival).headers.authorization).toBe(`Bearer ${CANARY}`);
        }
      }
      const body = JSON.stringify({
        attribution: { feature: "test" },
        prompt: { model: "house/fault.unauthorized", messages: [{ role: "ROLE_USER", parts: [{ text: "hi" }] }] },
      });
      const response = await fetch(`${httpUrl}/sluice.v1.GatewayService/Complete`, {
        method: "POST",
        headers: { "content-type": "application/json", connection: "close" },
        body,
      });
      const text = await response.text();
      expect(text).toContain("its operator must renew it");
      gateway.child.kill("SIGTERM");
      const { code, stdout, stderr } = await gateway.ended;
      expect(code).toBe(0);
      expect(gateway.logged().filter(({ msg }) => msg === "call")).toHaveLength(13);
      for (const output of [stdout, stderr, text, ...seen]) expectClean(output);
    } finally {
      await gateway.dispose();
    }
  },
);

test("a key that no header can carry is refused at the start, and not repeated", async () => {
  const yaml = `providers:\n  house: { dialect: openai-chat, base_url: "${simulator.url}", api_key: env:HOUSE_KEY }\n`;
  const { code, stdout, stderr } = await runGateway({ yaml, environment: { HOUSE_KEY: `${CANARY}\n${CANARY}` } });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("providers.house.api_key: the secret holds spaces or characters that no header can carry");
  expectClean(stderr);
});

test("a crash does not show the environment or the keys", async () => {
  const gateway = spawnGateway({
    yaml: `providers:\n  house: { dialect: openai-chat, base_url: "${simulator.url}", api_key: env:HOUSE_KEY }\n`,
    environment: { HOUSE_KEY: CANARY },
    preload: 'process.on("SIGUSR2", () => { setImmediate(() => { throw new Error("injected"); }); });',
  });
  try {
    await gateway.line("ready");
    gateway.child.kill("SIGUSR2");
    const { code, stdout, stderr } = await gateway.ended;
    expect(code).toBe(1);
    for (const output of [stdout, stderr]) expectClean(output);
  } finally {
    await gateway.dispose();
  }
});
