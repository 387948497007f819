/** No configuration at all: providers come from the environment, and the simulator needs no key. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ConnectError } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { ask } from "../support/gateway.ts";
import { clientsOf, type GatewayProcess, runGateway, spawnGateway } from "./spawn.ts";

const BUF = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));

let gateway: GatewayProcess | undefined;

afterEach(async () => {
  await gateway?.dispose();
  gateway = undefined;
});

/** Names of the configured providers, as the error for an unknown one lists them. */
async function providersOf(started: GatewayProcess): Promise<string> {
  const { grpc } = await clientsOf(started);
  return grpc.complete(ask("zzzzzzzz/model")).then(
    () => "answered",
    (thrown: unknown) => ConnectError.from(thrown).rawMessage,
  );
}

test("without any key there is the simulator, which answers on both doors", async () => {
  gateway = spawnGateway({});
  expect(await providersOf(gateway)).toBe(
    'No model "zzzzzzzz/model": no provider "zzzzzzzz" is configured; there are "simulator".',
  );
  const { grpc, connect } = await clientsOf(gateway);
  for (const client of [grpc, connect]) {
    const { parts, provider } = await client.complete(ask("simulator/echo", "Hello there"));
    expect([provider, parts[0]?.content]).toEqual(["simulator", { case: "text", value: "Hello there" }]);
  }
});

test("with keys in their usual variables there are their providers", async () => {
  gateway = spawnGateway({
    environment: {
      OPENAI_API_KEY: "sk-a",
      GROQ_API_KEY: "gsk-b",
      MISTRAL_API_KEY: "",
      AZURE_OPENAI_API_KEY: "c",
      AZURE_OPENAI_ENDPOINT: "https://example.openai.azure.com/",
    },
  });
  expect(await providersOf(gateway)).toBe(
    'No model "zzzzzzzz/model": no provider "zzzzzzzz" is configured; there are "openai", "openai-responses", "azure-openai", "azure-openai-responses", "groq", "simulator".',
  );
});

test("a key without the address that its provider needs is no provider", async () => {
  gateway = spawnGateway({ environment: { AZURE_OPENAI_API_KEY: "c" } });
  expect(await providersOf(gateway)).toContain('there are "simulator".');
});

test.each([
  { name: "a key that no header can carry", environment: { OPENAI_API_KEY: "sk a" }, says: "OPENAI_API_KEY" },
  { name: "a key of white space", environment: { OPENAI_API_KEY: " " }, says: "OPENAI_API_KEY" },
  {
    name: "an address that is none",
    environment: { AZURE_OPENAI_API_KEY: "c", AZURE_OPENAI_ENDPOINT: "example" },
    says: "AZURE_OPENAI_ENDPOINT",
  },
])("$name is a problem of the configuration, and names its variable", async ({ environment, says }) => {
  const { code, stderr } = await runGateway({ environment: environment as Record<string, string> });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(new RegExp(`^The configuration cannot be used:\\n.*${says}.*\\n$`)),
  });
});

test("the command that it prints works", async () => {
  gateway = spawnGateway({});
  await gateway.line("ready");
  while (!/^Try: .*\n/m.test(gateway.stdout()))
    await new Promise((resolve) => gateway?.child.stdout?.once("data", resolve));
  const command = /^Try: (.*)$/m.exec(gateway.stdout())?.[1] ?? "";
  expect(command).toMatch(/^npx buf curl /);
  const { stdout } = await promisify(execFile)("bash", ["-c", command.replace(/^npx buf/, BUF)], {
    env: { ...process.env, HOME: "/tmp" },
  });
  expect(JSON.parse(stdout)).toMatchObject({
    parts: [{ text: "Hello" }],
    finishReason: "FINISH_REASON_STOP",
    provider: "simulator",
  });
});
