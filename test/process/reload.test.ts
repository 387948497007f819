/** A new configuration: calls that come after it are treated by it, running ones end as they began. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { mountVolume } from "../support/mounted-volume.ts";
import { clientsOf, type GatewayProcess, spawnGateway } from "./spawn.ts";

let first: Simulator;
let second: Simulator;

beforeAll(async () => {
  [first, second] = [await openSimulator(), await openSimulator()];
});

afterAll(async () => {
  await first.close();
  await second.close();
});

const aliased = (url: string, alias: string): string =>
  houseConfig(url, `models: { ${alias}: { targets: [house/echo] } }\n`);

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  return await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown).code,
  );
}

async function withGateway(yaml: string, run: (gateway: GatewayProcess) => Promise<void>): Promise<void> {
  const gateway = spawnGateway({ yaml });
  try {
    await run(gateway);
  } finally {
    await gateway.dispose();
  }
}

test("SIGHUP takes the file's new models, and gives up those that it no longer has", async () => {
  await withGateway(aliased(first.url, "old"), async (gateway) => {
    const { grpc } = await clientsOf(gateway);
    expect(await codeOf(grpc.complete(ask("old")))).toBe(undefined);
    gateway.rewrite(aliased(first.url, "new"));
    gateway.child.kill("SIGHUP");
    await gateway.line("configuration reloaded");
    expect(await codeOf(grpc.complete(ask("new")))).toBe(undefined);
    expect(await codeOf(grpc.complete(ask("old")))).toBe(Code.NotFound);
  });
});

test("a stream that runs ends at the provider where it began", async () => {
  await withGateway(houseConfig(first.url), async (gateway) => {
    const { grpc } = await clientsOf(gateway);
    const texts: string[] = [];
    for await (const { event } of grpc.stream(ask("house/text:tokens=40:rate=100"))) {
      if (event.case !== "blockDelta") {
        if (event.case === "end") texts.push("end");
        continue;
      }
      if (texts.length === 0) {
        gateway.rewrite(houseConfig(second.url));
        gateway.child.kill("SIGHUP");
        await gateway.line("configuration reloaded");
        const arriving = second.nextCall();
        await grpc.complete(ask("house/echo"));
        await arriving;
      }
      texts.push("delta");
    }
    expect(texts).toEqual([...Array.from({ length: 40 }, () => "delta"), "end"]);
  });
});

test("a file that cannot be used changes nothing, and the log says what is wrong with it", async () => {
  await withGateway(houseConfig(first.url), async (gateway) => {
    const { grpc } = await clientsOf(gateway);
    gateway.rewrite("providers: { house: { dialect: openai-chat } }\nlistn: {}\n");
    gateway.child.kill("SIGHUP");
    const line = await gateway.line("the configuration has errors; the one before stays");
    expect(line).toMatchObject({
      level: "error",
      problems: [{ path: "listn", message: "is no known key; did you mean listen?" }],
    });
    expect(await codeOf(grpc.complete(ask("house/echo")))).toBe(undefined);
  });
});

test("a changed file is noticed without a signal", async () => {
  await withGateway(houseConfig(first.url), async (gateway) => {
    const { grpc } = await clientsOf(gateway);
    gateway.rewrite(aliased(first.url, "new"));
    await gateway.line("configuration reloaded");
    expect(await codeOf(grpc.complete(ask("new")))).toBe(undefined);
  });
});

test("a mounted volume that kubelet updates is noticed, in which no name changes but one link", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-volume-"));
  const volume = mountVolume(directory);
  volume.publish({ "sluice.yaml": aliased(first.url, "old") });
  const ports = ["grpc", "http", "admin"].flatMap((door) => [`--${door}`, "127.0.0.1:0"]);
  const gateway = spawnGateway({ args: ["--config", join(directory, "sluice.yaml"), ...ports] });
  try {
    const { grpc } = await clientsOf(gateway);
    expect(await codeOf(grpc.complete(ask("old")))).toBe(undefined);
    volume.publish({ "sluice.yaml": aliased(first.url, "new") });
    await gateway.line("configuration reloaded");
    expect(await codeOf(grpc.complete(ask("new")))).toBe(undefined);
    volume.publish({ "sluice.yaml": aliased(first.url, "newest") });
    await gateway.line("configuration reloaded", 2);
    expect(await codeOf(grpc.complete(ask("newest")))).toBe(undefined);
  } finally {
    await gateway.dispose();
    rmSync(directory, { recursive: true });
  }
});

test("what takes a restart is named", async () => {
  await withGateway(houseConfig(first.url), async (gateway) => {
    await clientsOf(gateway);
    gateway.rewrite(houseConfig(first.url, "limits: { max_message_bytes: 1000, idle_timeout: 1s }\n"));
    gateway.child.kill("SIGHUP");
    const line = await gateway.line("these settings change with a restart only");
    expect(line).toMatchObject({ level: "warn", settings: ["maxMessageBytes"] });
  });
});
