/**
 * Two instances behind nginx are restarted again and again under calls that are retried: none fails. Takes half a minute
 * of all cores, so that it runs only where NGINX is `required` (Debian: the package `nginx`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { CompleteRequestSchema, GatewayService } from "../../src/domain/contract.ts";
import { openSimulator } from "../../src/simulator/server.ts";
import { type GatewayProcess, spawnGateway } from "../process/spawn.ts";
import { ask, houseConfig } from "../support/gateway.ts";

/** At least so many; more, where the restarts take longer. */
const CALLS = 20_000;

/** Calls that run at the same time. */
const CONCURRENT = 60;

/** How often each instance is restarted. */
const ROUNDS = 3;

/** As the README tells callers. */
const SERVICE_CONFIG = {
  methodConfig: [
    {
      name: [{ service: GatewayService.typeName }],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.1s",
        maxBackoff: "1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};

const required = process.env.NGINX === "required";
if (!required) process.stdout.write("the rolling restart is left out without NGINX=required\n");

async function freeAddress(): Promise<string> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return `127.0.0.1:${port}`;
}

/** Starts nginx before the two; resolves with its address. */
async function startNginx(first: string, second: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-nginx-"));
  const places: Readonly<Record<string, string>> = {
    DIRECTORY: directory,
    FIRST: first,
    SECOND: second,
    ADDRESS: await freeAddress(),
  };
  const template = readFileSync(new URL("nginx.conf", import.meta.url), "utf8");
  const file = join(directory, "nginx.conf");
  writeFileSync(
    file,
    template.replace(/@([A-Z]+)@/g, (_, name: string) => places[name] ?? ""),
  );
  const process: ChildProcess = spawn(
    "nginx",
    ["-p", directory, "-c", file, "-e", "stderr", "-g", "daemon off; master_process off;"],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  onTestFinished(async () => {
    process.kill("SIGTERM");
    if (process.exitCode === null) await once(process, "exit");
    rmSync(directory, { recursive: true });
  });
  const { ADDRESS: address = "" } = places;
  await expect.poll(() => isListening(address), { timeout: 10_000 }).toBe(true);
  return address;
}

function isListening(address: string): Promise<boolean> {
  const socket = net.connect(Number(address.split(":")[1]), "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

/** An instance that is replaced by another one at the same address. */
class Instance {
  readonly address: string;
  readonly #yaml: string;
  #process: GatewayProcess;

  constructor(address: string, yaml: string) {
    this.address = address;
    this.#yaml = yaml;
    this.#process = this.#spawn();
    onTestFinished(() => this.#process.dispose());
  }

  ready(): Promise<unknown> {
    return this.#process.line("ready");
  }

  /** Resolves once the new one answers. Throws where the old one did not end well, or had to cut calls off. */
  async restart(): Promise<void> {
    const old = this.#process;
    old.child.kill("SIGTERM");
    const { code, stderr } = await old.ended;
    expect([code, stderr, old.logged().some(({ msg }) => msg === "calls cut off")]).toEqual([0, "", false]);
    await old.dispose();
    this.#process = this.#spawn();
    await this.ready();
  }

  #spawn(): GatewayProcess {
    const args = ["--grpc", this.address, "--http", "127.0.0.1:0", "--admin", "off", "--log-level", "warn"];
    return spawnGateway({ yaml: this.#yaml, args });
  }
}

describe.runIf(required)("a rolling restart behind nginx", () => {
  test(`fails none of ${CALLS} calls that are retried`, { timeout: 180_000 }, async () => {
    const simulator = await openSimulator();
    onTestFinished(() => simulator.close());
    const yaml = houseConfig(simulator.url);
    const instances = [new Instance(await freeAddress(), yaml), new Instance(await freeAddress(), yaml)] as const;
    await Promise.all(instances.map((instance) => instance.ready()));
    const address = await startNginx(instances[0].address, instances[1].address);
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
    });
    onTestFinished(() => client.close());

    const bytes = Buffer.from(toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo"))));
    const same = (message: Buffer): Buffer => message;
    const path = `/${GatewayService.typeName}/${GatewayService.method.complete.name}`;
    const call = (): Promise<string> =>
      new Promise((resolve) => {
        const deadline = Date.now() + 60_000;
        client.makeUnaryRequest(path, same, same, bytes, { deadline }, (error) =>
          resolve(error === null ? "OK" : `${grpc.status[error.code]}: ${error.details}`),
        );
      });
    let begun = 0;
    let restarting = true;
    const ends = new Map<string, number>();
    const worker = async (): Promise<void> => {
      while (begun < CALLS || restarting) {
        begun++;
        const end = await call();
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }
    };
    const calling = Promise.all(Array.from({ length: CONCURRENT }, worker));
    for (let round = 0; round < ROUNDS; round++) {
      for (const instance of instances) await instance.restart();
    }
    restarting = false;
    await calling;
    expect(begun).toBeGreaterThanOrEqual(CALLS);
    expect(Object.fromEntries(ends)).toEqual({ OK: begun });
  });
});
