/** Good configurations: what they come to. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyConfig, loadConfig, parseConfig } from "../../src/config/load.ts";
import { checkModels } from "../../src/config/models.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { providersFromEnvironment, toProviderSettings } from "../../src/config/providers.ts";
import { resolveSecret } from "../../src/config/secrets.ts";
import { toSettings } from "../../src/config/settings.ts";
import { known } from "../../src/provider/registry.ts";

const noFlags = { grpc: undefined, http: undefined, admin: undefined, logLevel: undefined };
const MIB = 1024 * 1024;

const defaults = {
  grpcAddress: "127.0.0.1:50051",
  httpAddress: "127.0.0.1:8080",
  admin: { address: "127.0.0.1:50052", isAsked: false },
  corsOrigins: [],
  logLevel: "info",
  maxMessageBytes: 4 * MIB,
  maxStreamsPerConnection: 100,
  maxHeaderBytes: 64 * 1024,
  maxResponseBytes: 64 * MIB,
  maxEventBytes: 8 * MIB,
  defaultDeadlineMs: 600_000,
  connectTimeoutMs: 5000,
  headersTimeoutMs: 30_000,
  firstTokenTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  attemptTimeoutMs: 600_000,
  drainTimeoutMs: 30_000,
  resume: { graceMs: 30_000, maxBytesPerStream: 1024 * 1024, maxBytes: 64 * 1024 * 1024 },
  cohorts: [],
  maxFeatures: 100,
  maxLabelValues: 100,
  recordContent: { features: new Set(), maxChars: 8192 },
  health: {
    breaker: {
      consecutiveFailures: 5,
      failureRatio: 0.5,
      minAttempts: 20,
      windowMs: 30_000,
      openMs: 1000,
      maxOpenMs: 60_000,
      forgiveAfterMs: 10_000,
    },
    retryBudget: { ratio: 0.2, perSecond: 10, windowMs: 10_000 },
  },
  overload: { maxCalls: undefined, maxWaiting: 1000, maxWaitMs: 15, maxLoopDelayMs: 10, targets: undefined },
  retry: { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 5000, maxRetryAfterMs: 60_000 },
};

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-config-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("settings", () => {
  test.each(["", "# nothing\n", "{}", "listen:\nlimits:\nretry: {}\n", "---\n"])("%j takes every default", (yaml) => {
    expect(toSettings(parseConfig(yaml), noFlags)).toEqual(defaults);
  });

  test("no file takes every default", () => {
    expect(toSettings(emptyConfig(), noFlags)).toEqual(defaults);
  });

  test("take what the file says", () => {
    const yaml = `
listen: { grpc: "[::1]:0", http: localhost:8081, admin: "127.0.0.1:0", cors_origins: ["https://a.example", "*"] }
limits:
  max_message_bytes: 1000
  max_streams_per_connection: 7
  max_header_bytes: 9000
  max_response_bytes: 2000
  max_event_bytes: 3000
  default_deadline: 1s
  connect_timeout: 0.25s
  headers_timeout: 2s
  first_token_timeout: 3s
  idle_timeout: 4s
  attempt_timeout: 5.5s
  drain_timeout: 0s
  resume_grace: 6s
  max_resume_bytes_per_stream: 4000
  max_resume_bytes: 5000
retry: { max_attempts: 10, base_delay: 0.001s, max_delay: 1s, max_retry_after: 2s, budget_ratio: 0, budget_per_second: 1 }
breaker: { consecutive_failures: 3, failure_ratio: 0.9, min_attempts: 10, window: 10s, open: 2s, max_open: 20s }
overload: { max_calls: 50, max_waiting: 60, max_wait: 0.03s, max_loop_delay: 0.02s, target_concurrency: { initial: 6, min: 2, max: 9 } }
log: { level: debug }
telemetry:
  cohorts: [plan]
  max_features: 7
  max_label_values: 8
  record_content: { features: [chat], max_chars: 9 }
`;
    expect(toSettings(parseConfig(yaml), noFlags)).toEqual({
      grpcAddress: "[::1]:0",
      httpAddress: "localhost:8081",
      admin: { address: "127.0.0.1:0", isAsked: true },
      corsOrigins: ["https://a.example", "*"],
      logLevel: "debug",
      maxMessageBytes: 1000,
      maxStreamsPerConnection: 7,
      maxHeaderBytes: 9000,
      maxResponseBytes: 2000,
      maxEventBytes: 3000,
      defaultDeadlineMs: 1000,
      connectTimeoutMs: 250,
      headersTimeoutMs: 2000,
      firstTokenTimeoutMs: 3000,
      idleTimeoutMs: 4000,
      attemptTimeoutMs: 5500,
      drainTimeoutMs: 0,
      resume: { graceMs: 6000, maxBytesPerStream: 4000, maxBytes: 5000 },
      cohorts: ["plan"],
      maxFeatures: 7,
      maxLabelValues: 8,
      recordContent: { features: new Set(["chat"]), maxChars: 9 },
      health: {
        breaker: {
          consecutiveFailures: 3,
          failureRatio: 0.9,
          minAttempts: 10,
          windowMs: 10_000,
          openMs: 2000,
          maxOpenMs: 20_000,
          forgiveAfterMs: 10_000,
        },
        retryBudget: { ratio: 0, perSecond: 1, windowMs: 10_000 },
      },
      overload: {
        maxCalls: 50,
        maxWaiting: 60,
        maxWaitMs: 30,
        maxLoopDelayMs: 20,
        targets: { initial: 6, min: 2, max: 9 },
      },
      retry: { maxAttempts: 10, baseDelayMs: 1, maxDelayMs: 1000, maxRetryAfterMs: 2000 },
    });
  });

  test("take what the flags say over what the file says", () => {
    const config = parseConfig(
      "listen: { grpc: '127.0.0.1:1', http: '127.0.0.1:2', admin: off }\nlog: { level: error }\n",
    );
    const flags = { grpc: "127.0.0.1:3", http: "127.0.0.1:4", admin: "127.0.0.1:5", logLevel: "warn" };
    const { grpcAddress, httpAddress, admin, logLevel } = toSettings(config, flags);
    expect([grpcAddress, httpAddress, admin?.address, logLevel]).toEqual([
      "127.0.0.1:3",
      "127.0.0.1:4",
      "127.0.0.1:5",
      "warn",
    ]);
  });

  test.each(["off", ""])("%j means no administration, in the file and as a flag", (off) => {
    expect(toSettings(parseConfig(`listen: { admin: "${off}" }`), noFlags).admin).toBe(undefined);
    expect(toSettings(emptyConfig(), { ...noFlags, admin: off }).admin).toBe(undefined);
  });

  test("a list that is named once can be used twice", () => {
    const yaml = "models:\n  a: { targets: &t [x/1, y/2] }\n  b: { targets: *t }\n";
    expect(Object.values(parseConfig(yaml).models).map(({ targets }) => targets)).toEqual([
      ["x/1", "y/2"],
      ["x/1", "y/2"],
    ]);
  });
});

describe("providers", () => {
  function providersOf(yaml: string, environment: Readonly<Record<string, string>>) {
    const problems: Problem[] = [];
    const config = parseConfig(yaml);
    const providers = toProviderSettings(config, known, environment, problems);
    checkModels(config, new Set(Object.keys(config.providers)), problems);
    expect(problems).toEqual([]);
    return providers.map(({ key, ...rest }) => ({ ...rest, key: key?.reveal() }));
  }

  const bare = {
    preset: undefined,
    dialect: undefined,
    headers: {},
    apiVersion: undefined,
    maxConnections: 256,
    propagatesTrace: undefined,
    aws: undefined,
    key: undefined,
  };

  test("the documented example loads", () => {
    const yaml = `
listen:
  grpc: 127.0.0.1:50051
  http: 127.0.0.1:8080
providers:                                   # where calls can go
  openai:    { preset: openai,    api_key: env:OPENAI_API_KEY }
  groq:      { preset: groq, api_key: file:${file("groq", "gsk-2\n")} }
  house:     { dialect: openai-chat, base_url: http://10.0.0.7:8000/v1, api_key: env:HOUSE_KEY }   # any compatible server
models:                                      # names that callers use; "provider/model" always works too
  fast:  { targets: [openai/gpt-4o-mini] }
  smart: { targets: [groq/llama-3.3-70b-versatile, openai/gpt-5], strategy: cascade }
`;
    expect(toSettings(parseConfig(yaml), noFlags)).toEqual(defaults);
    expect(providersOf(yaml, { OPENAI_API_KEY: "sk-1", HOUSE_KEY: "h-3" })).toEqual([
      { ...bare, name: "openai", preset: "openai", baseUrl: "https://api.openai.com/v1", key: "sk-1" },
      { ...bare, name: "groq", preset: "groq", baseUrl: "https://api.groq.com/openai/v1", key: "gsk-2" },
      { ...bare, name: "house", dialect: "openai-chat", baseUrl: "http://10.0.0.7:8000/v1", key: "h-3" },
    ]);
  });

  test("a preset takes its usual variable, and its address can be replaced", () => {
    const yaml =
      'providers: { a: { preset: groq, base_url: "http://127.0.0.1:9/v1", max_connections: 3, headers: { x-team: a } } }';
    expect(providersOf(yaml, { GROQ_API_KEY: "gsk" })).toEqual([
      {
        ...bare,
        name: "a",
        preset: "groq",
        baseUrl: "http://127.0.0.1:9/v1",
        key: "gsk",
        maxConnections: 3,
        headers: { "x-team": "a" },
      },
    ]);
  });

  test("a local preset needs no key", () => {
    expect(providersOf("providers: { ollama: { preset: ollama } }", {})).toEqual([
      { ...bare, name: "ollama", preset: "ollama", baseUrl: "http://127.0.0.1:11434/v1" },
    ]);
  });

  test("azure-openai takes the customer's address from its usual variable", () => {
    const environment = { AZURE_OPENAI_API_KEY: "k", AZURE_OPENAI_ENDPOINT: "https://me.openai.azure.com//" };
    expect(providersOf("providers: { az: { preset: azure-openai, api_version: 2026-01-01 } }", environment)).toEqual([
      {
        ...bare,
        name: "az",
        preset: "azure-openai",
        baseUrl: "https://me.openai.azure.com/openai/v1",
        key: "k",
        apiVersion: "2026-01-01",
      },
    ]);
  });

  test("gemini takes its key from either of its variables", () => {
    const keyOf = (environment: Readonly<Record<string, string>>) =>
      providersOf("providers: { g: { preset: gemini } }", environment)[0]?.key;
    expect(keyOf({ GOOGLE_API_KEY: "b" })).toBe("b");
    expect(keyOf({ GEMINI_API_KEY: "a", GOOGLE_API_KEY: "b" })).toBe("a");
    expect(providersFromEnvironment(known, { GOOGLE_API_KEY: "b" }, []).map(({ name }) => name)).toEqual(["gemini"]);
  });

  test.each([
    [
      "{ project: p, location: us-central1 }",
      "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1",
    ],
    ["{ project: p }", "https://aiplatform.googleapis.com/v1/projects/p/locations/global"],
    ["{ project: p, location: eu }", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu"],
    ["{ location: asia-east1 }", "https://asia-east1-aiplatform.googleapis.com/v1/projects/env-p/locations/asia-east1"],
  ])("vertex of %s is there", (google, baseUrl) => {
    const environment = { GOOGLE_CLOUD_PROJECT: "env-p", GOOGLE_APPLICATION_CREDENTIALS: "/run/key.json" };
    expect(providersOf(`providers: { v: { preset: vertex, google: ${google} } }`, environment)).toEqual([
      { ...bare, name: "v", preset: "vertex", baseUrl, google: { credentialsFile: "/run/key.json" } },
    ]);
  });

  test("vertex needs no credentials where it is given a token, and no project where it is given an address", () => {
    const yaml = 'providers: { v: { preset: vertex, base_url: "http://127.0.0.1:9/v1", api_key: env:TOKEN } }';
    expect(providersOf(yaml, { TOKEN: "ya29.x" })).toEqual([
      { ...bare, name: "v", preset: "vertex", baseUrl: "http://127.0.0.1:9/v1", key: "ya29.x" },
    ]);
  });

  test("without a file there is every preset whose variable is set", () => {
    const environment = { OPENAI_API_KEY: "a", XAI_API_KEY: "b", GROQ_API_KEY: "", AZURE_OPENAI_API_KEY: "c" };
    const providers = providersFromEnvironment(known, environment, []);
    expect(providers.map(({ name, preset, key }) => [name, preset, key?.reveal()])).toEqual([
      ["openai", "openai", "a"],
      ["openai-responses", "openai-responses", "a"],
      ["xai", "xai", "b"],
      ["xai-responses", "xai-responses", "b"],
    ]);
  });

  test.each(Object.entries(known.presets))("the preset %s has an address, or a variable for it", (_, preset) => {
    expect(preset.baseUrl ?? preset.baseUrlVariable?.[1]).toMatch(/^(https?:\/\/.*[^/]|\/[a-z0-9/]+)$/);
  });
});

describe("secrets", () => {
  test.each([
    { name: "one trailing line feed is dropped", text: "k-1\n" },
    { name: "one trailing CRLF is dropped", text: "k-1\r\n" },
    { name: "no line feed is needed", text: "k-1" },
  ])("by file: $name", ({ text }) => {
    expect(resolveSecret(`file:${file("secret", text)}`, {}).reveal()).toBe("k-1");
  });

  test.each([
    { name: "an empty file", text: "", says: "is empty" },
    { name: "a file of white space", text: " \n", says: "is empty" },
    { name: "two lines", text: "k-1\nk-2\n", says: "the secret holds spaces or characters that no header can carry" },
  ])("by file: $name is refused without showing it", ({ text, says }) => {
    const path = file("bad", text);
    expect(() => resolveSecret(`file:${path}`, {})).toThrow(says);
    expect(() => resolveSecret(`file:${path}`, {})).not.toThrow("k-1");
  });

  test("a directory is no file", () => {
    expect(() => resolveSecret(`file:${directory}`, {})).toThrow(`the file ${directory} cannot be read (EISDIR)`);
  });

  test("show themselves to nobody who does not ask", () => {
    const secret = resolveSecret("env:KEY", { KEY: "k-1" });
    expect([String(secret), JSON.stringify({ secret }), `${secret.toString()}`]).toEqual([
      "[secret]",
      '{"secret":"[secret]"}',
      "[secret]",
    ]);
  });
});

test("a file that cannot be read is one problem", () => {
  expect(() => loadConfig(join(directory, "none.yaml"))).toThrow(ConfigError);
  expect(() => loadConfig(join(directory, "none.yaml"))).toThrow(/none\.yaml cannot be read \(ENOENT\)$/);
});
