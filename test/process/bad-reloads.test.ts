/** Configurations that cannot be used, given to a gateway that runs: it serves on as before, and says what is wrong. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AdminService } from "../../gen/sluice/admin/v1/admin_service_pb.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { clientsOf, spawnGateway } from "./spawn.ts";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

const house = 'house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1"';

/** A file, and the paths of all that is wrong with it; a line where it is no YAML. */
const bad: readonly (readonly [yaml: string, ...paths: readonly string[]])[] = [
  // No YAML.
  ["listen:\n  grpc: [\n", "line 3"],
  ["log: {}\nlisten: {}\nlog: {}\n", "line 3"],
  ["listen:\n\tgrpc: a\n", "line 2"],
  ["log: {}\n---\nlog: {}\n", "line 2"],
  ["listen: *nothing\n", ""],
  ['models: { "a: { targets: [b/c] } }', "line 1", "line 1"],
  ["\0\x01\x02", ""],
  ["[".repeat(20_000), ...Array.from({ length: 10 }, () => "line 1"), ""],
  // Another shape.
  ["just text", ""],
  ["- a list", ""],
  ["listn: {}", "listn"],
  ["listen: { grcp: a, tls: { cert: b } }", "listen.grcp", "listen.tls.cert"],
  ["listen: 127.0.0.1:8080", "listen"],
  ["listen: { grpc: 50051 }", "listen.grpc"],
  ["listen: { admin: true }", "listen.admin"],
  ["listen: { cors_origins: https://a.example }", "listen.cors_origins"],
  ["providers: [openai]", "providers"],
  ["providers: { a: openai }", "providers.a"],
  ["providers: { a: { preset: ollama, headers: { x: 1 } } }", "providers.a.headers.x"],
  ["limits: { max_message_bytes: 4MB, drain_timeout: 30 }", "limits.max_message_bytes", "limits.drain_timeout"],
  ["limits: { idle_timeout: 1m }", "limits.idle_timeout"],
  ["log: { level: }", "log.level"],
  ["models: { fast: { targets: house/m } }", "models.fast.targets"],
  ["prices: [1]", "prices"],
  ["prices: { a/b: { input: '1.5', discount: true } }", "prices.a/b.input", "prices.a/b.discount"],
  // Against the rules of the schema.
  ["listen: { grpc: localhost, http: '127.0.0.1' }", "listen.grpc", "listen.http"],
  ["listen: { admin: localhost }", "listen.admin"],
  ["listen: { cors_origins: ['app.example.com'] }", "listen.cors_origins[0]"],
  ["listen: { tls: { cert_file: a.pem } }", "listen.tls.key_file"],
  ["log: { level: loud }", "log.level"],
  ["limits: { idle_timeout: 0s }", "limits.idle_timeout"],
  ["limits: { max_message_bytes: 2000000000 }", "limits.max_message_bytes"],
  ["retry: { max_attempts: 11 }", "retry.max_attempts"],
  ["models: { fast: {} }", "models.fast.targets"],
  ["models: { fast: { targets: [gpt] } }", "models.fast.targets[0]"],
  ["models: { fast: { targets: [a/b], strategy: random } }", "models.fast.strategy"],
  ["providers: { House: { preset: ollama } }", "providers.House"],
  ['providers: { a: { dialect: openai-chat, base_url: "ftp://a" } }', "providers.a.base_url"],
  ["telemetry: { sample_ratio: 2, cohorts: [a, a] }", "telemetry.sample_ratio", "telemetry.cohorts"],
  ["capabilities: { a/b: { input: [smell] } }", "capabilities.a/b.input[0]"],
  // What only the whole shows.
  ["providers: { a: {} }", "providers.a"],
  ["providers: { a: { preset: openia } }", "providers.a.preset"],
  ["providers: { a: { dialect: smoke } }", "providers.a.dialect", "providers.a.base_url"],
  ["providers: { a: { preset: openai }, b: { preset: groq } }", "providers.a.api_key", "providers.b.api_key"],
  [`providers: { ${house}, api_key: sk-canary } }`, "providers.house.api_key"],
  [`providers: { ${house}, api_key: file:/nowhere } }`, "providers.house.api_key"],
  [`providers: { ${house}, headers: { Authorization: x } } }`, "providers.house.headers.Authorization"],
  ["providers: { a: { preset: vertex } }", "providers.a.google.project"],
  [`providers: { ${house} } }\nmodels: { fast: { targets: [house/a, hose/b] } }`, "models.fast.targets[1]"],
  [`providers: { ${house} } }\nprices: { hose/m: { discount: 1 } }`, "prices.hose/m"],
  [`providers: { ${house} } }\nprices: { house/m: { same_as: openai/gtp-4o } }`, "prices.house/m.same_as"],
  [`providers: { ${house} } }\ncapabilities: { hose/m: { tools: true } }`, "capabilities.hose/m"],
  ["listen: { tls: { cert_file: /nowhere, key_file: /nowhere } }", "listen.tls.cert_file", "listen.tls.key_file"],
];

test(`${bad.length} bad files change nothing: calls and streams go on, and each says where it is wrong`, async () => {
  expect(bad.length).toBeGreaterThanOrEqual(50);
  const good = houseConfig(simulator.url, "models: { alias: { targets: [house/echo] } }\n");
  const gateway = spawnGateway({ yaml: good });
  try {
    const { admin } = await gateway.line("ready");
    const { grpc } = await clientsOf(gateway);
    const operator = createClient(AdminService, createGrpcTransport({ baseUrl: `http://${String(admin)}` }));
    const before = await operator.getConfig({});

    let over = false;
    let answered = 0;
    const calls = (async () => {
      for (; !over; answered++) await grpc.complete(ask("alias"));
    })();
    const stream = grpc.stream(ask("house/text:tokens=20000:rate=1000"))[Symbol.asyncIterator]();
    const reading = (async () => {
      while (!over) expect((await stream.next()).value?.event.case).not.toBe("end");
    })();

    const told: unknown[] = [];
    for (const [yaml] of bad) {
      gateway.rewrite(yaml);
      const { applied, problems } = await operator.reload({});
      told.push([
        yaml,
        applied,
        ...problems.map(({ path, message }) => path || (/^line \d+/.exec(message)?.[0] ?? "")),
      ]);
    }
    over = true;
    await Promise.all([calls, reading]);
    await stream.return?.(undefined);

    expect(told).toEqual(bad.map(([yaml, ...paths]) => [yaml, false, ...paths]));
    expect(answered).toBeGreaterThan(0);
    expect(await operator.getConfig({})).toEqual(before);
    expect(gateway.stdout()).not.toContain("canary");
    expect(gateway.logged().filter(({ msg }) => msg === "configuration reloaded")).toEqual([]);

    gateway.rewrite(good.replace("alias", "other"));
    expect((await operator.reload({})).applied).toBe(true);
    expect((await grpc.complete(ask("other"))).provider).toBe("house");
  } finally {
    await gateway.dispose();
  }
});
