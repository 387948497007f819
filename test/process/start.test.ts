/** Starting: what is printed, and with which code the process ends where it cannot start. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as net from "node:net";
import { describe, expect, test } from "vitest";
import { openSimulator } from "../../src/simulator/server.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { clientsOf, runGateway, spawnGateway } from "./spawn.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

test("says on one line of JSON where it listens, and answers there", async () => {
  const simulator = await openSimulator();
  const startedAt = performance.now();
  const gateway = spawnGateway({ yaml: houseConfig(simulator.url) });
  try {
    const ready = await gateway.line("ready");
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(ready).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: "sluice",
      msg: "ready",
      grpc: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      http: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      admin: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      version,
      pid: gateway.pid,
    });
    const { grpc, connect } = await clientsOf(gateway);
    for (const client of [grpc, connect]) {
      const { parts } = await client.complete(ask("house/echo"));
      expect(parts.map(({ content }) => content)).toEqual([{ case: "text", value: "Hello" }]);
    }
    expect(gateway.stdout()).not.toContain("Try:");
  } finally {
    await gateway.dispose();
    await simulator.close();
  }
});

test.each(["SIGINT", "SIGTERM"] as const)("ends with 0 after %s", async (signal) => {
  const gateway = spawnGateway({ yaml: "" });
  try {
    await gateway.line("ready");
    gateway.child.kill(signal);
    const { code, stderr } = await gateway.ended;
    expect([code, stderr, gateway.logged().map(({ msg }) => msg)]).toEqual([
      0,
      "",
      ["ready", "asked to stop", "draining", "stopped"],
    ]);
  } finally {
    await gateway.dispose();
  }
});

describe("arguments", () => {
  test("--version prints the version, and the day of the prices", async () => {
    expect(await runGateway({ args: ["--version"] })).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        new RegExp(`^sluice ${version}\\nprices genai-prices \\d{4}-\\d\\d-\\d\\d\\n$`),
      ) as string,
      stderr: "",
    });
  });

  test("prices prints what a model costs", async () => {
    const { code, stdout, stderr } = await runGateway({ args: ["prices", "openai/gpt-4o"] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^openai\/gpt-4o, USD per million tokens\n {2}input +\d/);
  });

  test("prices ends with 1 where a model has none", async () => {
    expect(await runGateway({ args: ["prices", "no-such-model"] })).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^no price of "no-such-model" is known/) as string,
    });
  });

  test("--help prints every option and exit code", async () => {
    const { code, stdout, stderr } = await runGateway({ args: ["--help"] });
    const options = ["config", "grpc", "http", "admin", "log-level", "insecure", "check", "version", "help"];
    expect([code, stderr]).toEqual([0, ""]);
    expect(options.filter((option) => !stdout.includes(`--${option} `))).toEqual([]);
    expect(stdout).toContain("Exit codes: 0 stopped or checked, 1 crashed, 2 wrong arguments or configuration");
  });

  test.each([
    { name: "an unknown option", args: ["--confg", "x"], says: "--confg" },
    { name: "an option without its value", args: ["--config"], says: "--config" },
    { name: "something that is no option", args: ["serve"], says: "serve" },
    { name: "a value for a switch", args: ["--check=yes"], says: "--check" },
  ])("$name ends it with 2, and names it", async ({ args, says }) => {
    const { code, stdout, stderr } = await runGateway({ args });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr.split("\n", 1)[0]).toContain(says);
    expect(stderr).toContain("npm start -- [options]");
  });

  test.each([
    { name: "a level that does not exist", args: ["--log-level", "loud"], says: "loud" },
    { name: "an address without a port", args: ["--grpc", "127.0.0.1"], says: "127.0.0.1" },
    { name: "an address with a port that does not exist", args: ["--http", "127.0.0.1:65536"], says: "65536" },
    { name: "an address that others can reach", args: ["--http", "0.0.0.0:0"], says: "--insecure" },
    { name: "such an address of the administration", args: ["--admin", "0.0.0.0:0"], says: "client_ca_file" },
  ])("$name ends it with 2, and names it", async ({ args, says }) => {
    const { code, stderr } = await runGateway({
      yaml: "",
      args: ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "off", ...args],
    });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
  });

  test("override the file", async () => {
    const gateway = spawnGateway({
      yaml: "listen: { grpc: '127.0.0.1:1', http: '127.0.0.1:1' }\nlog: { level: error }\n",
      args: ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "off", "--log-level", "info"],
    });
    try {
      expect((await gateway.line("ready")).level).toBe("info");
    } finally {
      await gateway.dispose();
    }
  });
});

describe.each(["--grpc", "--http", "--admin"])("a port of %s that is taken", (flag) => {
  test("ends it with 3, and says which address", async () => {
    const holder = net.createServer();
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    const taken = `127.0.0.1:${(holder.address() as net.AddressInfo).port}`;
    try {
      const others = ["--grpc", "--http", "--admin"].filter((other) => other !== flag);
      const { code, stdout, stderr } = await runGateway({
        yaml: "",
        args: [flag, taken, ...others.flatMap((other) => [other, "127.0.0.1:0"])],
      });
      const [line] = stdout.split("\n");
      expect({ code, stderr, line: JSON.parse(line ?? "") as unknown }).toEqual({
        code: 3,
        stderr: "",
        line: expect.objectContaining({ level: "fatal", msg: "cannot listen" }),
      });
      expect(line).toContain(taken);
    } finally {
      holder.close();
    }
  });
});
