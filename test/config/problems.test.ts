/** Bad configurations: everything that is wrong is listed, at its path, with what to do about it. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { checkModels } from "../../src/config/models.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { toProviderSettings } from "../../src/config/providers.ts";
import { known } from "../../src/provider/registry.ts";

/** Everything that the steps of a start find wrong with a file. */
function problemsOf(yaml: string, environment: Readonly<Record<string, string>> = {}): readonly Problem[] {
  try {
    const config = parseConfig(yaml);
    const problems: Problem[] = [];
    toProviderSettings(config, known, environment, problems);
    checkModels(config, new Set(Object.keys(config.providers)), problems);
    return problems;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

type Row = readonly [yaml: string, ...problems: readonly (readonly [path: string, message: unknown])[]];

const presets = Object.keys(known.presets).join(", ");
const dialects = known.dialects.join(", ");
const duration = "is no duration: write seconds, such as 30s or 0.5s";
const whole = "must be a whole number that is not negative";
const text = "must be text; put it in quotes";
const reference = "must be a reference, env:NAME or file:/path; a key itself does not belong in this file";
const address = expect.stringContaining("does not match regex pattern");
const house = 'providers: { house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1"';

const shapes: readonly Row[] = [
  ["listn: {}", ["listn", "is no known key; did you mean listen?"]],
  [
    "nothing_like_it: 1",
    [
      "nothing_like_it",
      "is no known key; known here: listen, providers, models, limits, retry, log, prices, telemetry, capabilities, breaker, overload",
    ],
  ],
  [
    "listen: { grcp: x, tls: { cert: a } }",
    ["listen.grcp", "is no known key; did you mean grpc?"],
    ["listen.tls.cert", "is no known key; known here: cert_file, key_file, client_ca_file"],
  ],
  ["listen: 127.0.0.1:8080", ["listen", "must be a block of keys"]],
  ["just text", ["", "must be a block of keys"]],
  ["- a list", ["", "must be a block of keys"]],
  ["listen: { grpc: 50051 }", ["listen.grpc", text]],
  ["listen: { cors_origins: https://a.example }", ["listen.cors_origins", "must be a list"]],
  ["listen: { cors_origins: [1, { a: b }] }", ["listen.cors_origins[0]", text], ["listen.cors_origins[1]", text]],
  ["providers: [openai]", ["providers", "must be a block of names"]],
  ["providers: { a: openai }", ["providers.a", "must be a block of keys"]],
  ["providers: { a: { headers: { x: 1 } } }", ["providers.a.headers.x", text]],
  ["limits: { max_message_bytes: 4MB }", ["limits.max_message_bytes", whole]],
  ["limits: { max_message_bytes: -1 }", ["limits.max_message_bytes", whole]],
  ["limits: { max_message_bytes: 1.5 }", ["limits.max_message_bytes", whole]],
  ["limits: { max_message_bytes: 4294967296 }", ["limits.max_message_bytes", whole]],
  ["limits: { drain_timeout: 30 }", ["limits.drain_timeout", duration]],
  [
    "limits: { drain_timeout: 1m, idle_timeout: -1s }",
    ["limits.drain_timeout", duration],
    ["limits.idle_timeout", duration],
  ],
  ["log: { level: }", ["log.level", "has no value; leave the key out to take the default"]],
  ["models: { fast: { targets: house/m } }", ["models.fast.targets", "must be a list"]],
  ["prices: [1]", ["prices", "must be a block of names"]],
  ["prices: { a/b: 1.5 }", ["prices.a/b", "must be a block of keys"]],
  [
    "prices: { a/b: { input: '1.5', output: .inf, discount: true, same_as: 1 } }",
    ["prices.a/b.input", "must be a number"],
    ["prices.a/b.output", "must be a number"],
    ["prices.a/b.discount", "must be a number"],
    ["prices.a/b.same_as", text],
  ],
];

const rules: readonly Row[] = [
  [
    "providers: { v: { preset: vertex } }",
    ["providers.v.google.project", "is required here, or the variable GOOGLE_CLOUD_PROJECT, or a base_url"],
  ],
  ["providers: { o: { preset: ollama, google: { project: p } } }", ["providers.o.google", "is not for this preset"]],
  ["listen: { grpc: localhost, http: '127.0.0.1' }", ["listen.grpc", address], ["listen.http", address]],
  ["listen: { cors_origins: ['app.example.com'] }", ["listen.cors_origins[0]", address]],
  ["listen: { tls: { cert_file: a.pem } }", ["listen.tls.key_file", "must be at least 1 characters"]],
  ["log: { level: loud }", ["log.level", expect.stringContaining("debug")]],
  ["limits: { idle_timeout: 0s }", ["limits.idle_timeout", expect.stringContaining("greater than")]],
  [
    "limits: { max_message_bytes: 2000000000 }",
    ["limits.max_message_bytes", "must be less than or equal to 1073741824"],
  ],
  ["retry: { max_attempts: 11 }", ["retry.max_attempts", "must be less than or equal to 10"]],
  ["models: { fast: {} }", ["models.fast.targets", "must contain at least 1 item(s)"]],
  ["models: { fast: { targets: [gpt] } }", ["models.fast.targets[0]", address]],
  [
    "models: { fast: { targets: [a/b], strategy: random } }",
    ["models.fast.strategy", expect.stringContaining("cascade")],
  ],
  ["providers: { House: { preset: openai } }", ["providers.House", address]],
  ['providers: { a: { dialect: openai-chat, base_url: "ftp://a" } }', ["providers.a.base_url", address]],
  ['providers: { a: { dialect: openai-chat, base_url: "http://user:pass@a/v1" } }', ["providers.a.base_url", address]],
  ["limits: { drain_timeout: 999999999999s }", ["limits.drain_timeout", expect.any(String)]],
];

/** Models of the provider `house`; a rule is of the model `m`. */
function model(rest: string, more = ""): string {
  return `${house} } }\nmodels: { m: { targets: [house/a, house/b]${rest} }${more} }`;
}

const models: readonly Row[] = [
  [
    model(", rules: [1, { name: a, metadata: [{ kee: x }] }]"),
    ["models.m.rules[0]", "must be a block of keys"],
    ["models.m.rules[1].metadata[0].kee", "is no known key; did you mean key?"],
  ],
  [model(", sticky_by: customer"), ["models.m.sticky_by", address]],
  [model(", weights: { house/a: -1, house/b: 1 }"), ["models.m.weights.house/a", expect.any(String)]],
  [
    model(", strategy: weighted, weights: { house/a: 1, house/c: 1 }"),
    ["models.m.weights.house/c", "is none of the targets"],
    ["models.m.weights", "lack house/b; with 0 it is asked only when others fail"],
  ],
  [
    model(", strategy: weighted, weights: { house/a: 0, house/b: 0 }"),
    ["models.m.weights", "are all 0; give one target more"],
  ],
  [model(", weights: { house/a: 1, house/b: 1 }"), ["models.m.weights", "count with strategy weighted only; set it"]],
  [model(", allow_callers: [model]"), ["models.m.allow_callers[0]", expect.stringContaining("sticky_key")]],
  [model(", shadow: { target: hose/a, percentage: 101 }"), ["models.m.shadow.percentage", expect.any(String)]],
  [
    model(", shadow: { target: hose/a }"),
    ["models.m.shadow.target", 'no provider "hose" is configured'],
    ["models.m.shadow.percentage", "must be more than 0; leave the shadow out"],
  ],
  [model(", rules: [{ name: a }]"), ["models.m.rules[0]", "needs a model, targets or a strategy"]],
  [model(", rules: [{ model: n }]"), ["models.m.rules[0].name", address]],
  [
    model(", rules: [{ name: a, model: n }, { name: a, model: house/c, targets: [house/a] }]"),
    ["models.m.rules[0].model", '"n" is neither an alias under models nor provider/model'],
    ["models.m.rules[1].targets", "cannot stand beside model; leave one of them out"],
    ["models.m.rules[1].name", "is another rule's, too; give each its own"],
  ],
  [
    model(", rules: [{ name: a, model: m }, { name: b, model: hose/a }, { name: c, targets: [hose/a] }]"),
    ["models.m.rules[0].model", "is the model that the rule is of; name another"],
    ["models.m.rules[1].model", 'no provider "hose" is configured'],
    ["models.m.rules[2].targets[0]", 'no provider "hose" is configured'],
  ],
  [
    model(", rules: [{ name: a, model: house/a, sticky_by: user, weights: { house/a: 1 } }]"),
    ["models.m.rules[0].weights", "need targets of the rule's own"],
    ["models.m.rules[0].sticky_by", "is for rules with a percentage"],
  ],
  [
    model(", rules: [{ name: a, strategy: fastest, targets: [house/a], weights: { house/a: 1 } }]"),
    ["models.m.rules[0].weights", "count with strategy weighted only; set it"],
  ],
  [
    model(", rules: [{ name: a, model: house/a, metadata: [{ key: k, values: [a] }, { key: k, values: [b] }] }]"),
    ["models.m.rules[0].metadata[1].key", "stands here twice; put all values into one list"],
  ],
];

const providers: readonly Row[] = [
  [
    `${house}, api_key: env:ONE, api_keys: [sk-literal, env:TWO, env:ALSO_ONE] } }`,
    ["providers.house.api_keys[0]", reference],
    ["providers.house.api_keys[2]", "is the same key as env:ONE; leave one of them out"],
  ],
  [
    "providers: { a: { ai_sdk: { package: some }, api_keys: [env:ONE] } }",
    ["providers.a.api_keys", expect.any(String)],
  ],
  ["providers: { a: {} }", ["providers.a", "needs a preset, or a dialect with a base_url, or ai_sdk"]],
  ["providers: { a: { preset: openia } }", ["providers.a.preset", `no such preset; there are ${presets}`]],
  ["providers: { a: { preset: toString } }", ["providers.a.preset", `no such preset; there are ${presets}`]],
  [
    "providers: { a: { preset: ollama, dialect: openai-chat } }",
    ["providers.a.dialect", "the preset says it; leave one of them out"],
  ],
  [
    "providers: { a: { dialect: smoke } }",
    ["providers.a.dialect", `no such dialect; there are ${dialects}`],
    ["providers.a.base_url", "is required here"],
  ],
  ["providers: { a: { dialect: openai-chat } }", ["providers.a.base_url", "is required here"]],
  ['providers: { a: { dialect: openai-chat, base_url: "http://a:99999" } }', ["providers.a.base_url", "is no URL"]],
  [
    "providers: { a: { preset: openai } }",
    ["providers.a.api_key", "the environment variable OPENAI_API_KEY is not set"],
  ],
  [`${house}, api_key: sk-literal } }`, ["providers.house.api_key", reference]],
  [`${house}, api_key: "env:" } }`, ["providers.house.api_key", reference]],
  [`${house}, api_key: "vault:secret/a" } }`, ["providers.house.api_key", reference]],
  [`${house}, api_key: env:NOT_SET } }`, ["providers.house.api_key", "the environment variable NOT_SET is not set"]],
  [`${house}, api_key: env:EMPTY } }`, ["providers.house.api_key", "the environment variable EMPTY is not set"]],
  [
    `${house}, api_key: env:SPACED } }`,
    ["providers.house.api_key", "the secret holds spaces or characters that no header can carry"],
  ],
  [`${house}, api_key: file:/nowhere } }`, ["providers.house.api_key", "the file /nowhere cannot be read (ENOENT)"]],
  [
    `${house}, headers: { Authorization: x, "a b": y, x-note: "ä" } } }`,
    ["providers.house.headers.Authorization", "cannot be set; keys belong in api_key"],
    ["providers.house.headers.a b", "cannot be set; keys belong in api_key"],
    ["providers.house.headers.x-note", "holds characters that no header can carry"],
  ],
  [
    `${house} } }\nmodels: { fast: { targets: [house/a, hose/b] } }`,
    ["models.fast.targets[1]", expect.stringContaining("hose")],
  ],
  [
    "providers: { a: { preset: openai }, b: { preset: groq } }",
    ["providers.a.api_key", "the environment variable OPENAI_API_KEY is not set"],
    ["providers.b.api_key", "the environment variable GROQ_API_KEY is not set"],
  ],
];

const environment = { EMPTY: "", SPACED: "a b", ONE: "k-1", TWO: "k-2", ALSO_ONE: "k-1" };

describe.each([
  { step: "the shape", rows: shapes },
  { step: "the schema's rules", rows: rules },
  { step: "models", rows: models },
  { step: "providers", rows: providers },
])("$step", ({ rows }) => {
  test.each(rows.map(([yaml, ...expected]) => ({ yaml, expected })))("$yaml", ({ yaml, expected }) => {
    expect(problemsOf(yaml, environment)).toEqual(expected.map(([path, message]) => ({ path, message })));
  });
});

describe("what is no YAML, or YAML that cannot be read", () => {
  test.each([
    { name: "a list that does not end", yaml: "listen:\n  grpc: [\n", line: 3 },
    { name: "the same key twice", yaml: "log: {}\nlisten: {}\nlog: {}\n", line: 3 },
    { name: "a tab for indentation", yaml: "listen:\n\tgrpc: a\n", line: 2 },
    { name: "two documents", yaml: "log: {}\n---\nlog: {}\n", line: 2 },
  ])("$name is reported with its line", ({ yaml, line }) => {
    const [problem] = problemsOf(yaml);
    expect(problem).toEqual({ path: "", message: expect.stringMatching(new RegExp(`^line ${line}: [^\\n]+$`)) });
  });

  test.each([
    { name: "an alias of nothing", yaml: "listen: *nothing\n" },
    { name: "an alias of nothing as a value", yaml: "listen: { grpc: *nothing }\n" },
    { name: "aliases that multiply", yaml: billionLaughs() },
  ])("$name is a problem, not a crash", ({ yaml }) => {
    expect(problemsOf(yaml)).not.toEqual([]);
  });

  test("a literal key is not repeated in any message", () => {
    const yaml = `${house}, api_key: sk-canary, heders: { a: b } } }\nlog: { level: 3 }`;
    expect(JSON.stringify(problemsOf(yaml))).not.toContain("canary");
    expect(JSON.stringify(problemsOf("providers: { a: { preset: openai, api_key: [sk-canary] } }"))).not.toContain(
      "canary",
    );
    expect(JSON.stringify(problemsOf("providers: { a: { preset: openai, api_key: 'sk-canary } }"))).not.toContain(
      "canary",
    );
  });
});

test("a list may be used by any number of models", () => {
  const more = Array.from({ length: 200 }, (_, n) => `  m${n}: { targets: *shared }`).join("\n");
  const yaml = `${house} } }\nmodels:\n  first: { targets: &shared [house/a, house/b] }\n${more}\n`;
  expect(problemsOf(yaml)).toEqual([]);
});

function billionLaughs(): string {
  const lines = ["providers: &p0 { a: { preset: ollama } }"];
  for (let n = 1; n < 9; n++)
    lines.push(`models${n}: &p${n} [${Array.from({ length: 9 }, () => `*p${n - 1}`).join(", ")}]`);
  return lines.join("\n");
}
