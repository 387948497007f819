/** A configuration as operators see it: what it says, without what opens doors. */
import { create, equals } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ConfigSchema } from "../../gen/sluice/config/v1/config_pb.ts";
import { emptyConfig, parseConfig } from "../../src/config/load.ts";
import { redact, toYaml } from "../../src/config/show.ts";

const whole = `
listen: { grpc: 127.0.0.1:1, admin: "off", cors_origins: ["https://a.example"] }
providers:
  house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", api_key: env:HOUSE_KEY, headers: { x-team: "no" } }
models: { "a:b": { targets: [house/m, "house/null"] } }
prices: { house/*: { input: 0.1, output: 1e-7, discount: 0 } }
limits: { idle_timeout: 0.25s, drain_timeout: 0s, max_message_bytes: 7 }
telemetry: { sample_ratio: 0, prometheus: false, cohorts: [plan] }
`;

test("what is shown as YAML is the configuration again", () => {
  const config = parseConfig(whole);
  expect(equals(ConfigSchema, parseConfig(toYaml(config)), config)).toBe(true);
  expect(equals(ConfigSchema, redact(config), config)).toBe(true);
  expect(toYaml(emptyConfig())).toBe("{}\n");
});

test.each([
  ["Proxy-Authorization", "x"],
  ["X-Auth", "x"],
  ["Ocp-Apim-Subscription-Key", "x"],
  ["cookie", "x"],
  ["x-vault-token", "x"],
  ["cf-access-client-secret", "x"],
  ["x-note", "Bearer x"],
  ["x-note", "basic dTpw"],
  ["x-note", "sk-x"],
  ["x-note", "ghp_x"],
  ["x-note", "0a1b2c3d4e5f60718293"],
  ["x-note", " 0A1B2C3D4E5F60718293 "],
])("hides the header %s: %s", (name, value) => {
  const config = create(ConfigSchema, { providers: { house: { headers: { [name]: value } } } });
  expect(redact(config).providers.house?.headers).toEqual({ [name]: "[redacted]" });
  expect(config.providers.house?.headers).toEqual({ [name]: value });
});

test("hides secrets in the options of packages, however deep", () => {
  const options = (password: string) => ({ region: "eu", proxy: [{ password, port: 1 }], on: true, none: null });
  const config = create(ConfigSchema, { providers: { p: { aiSdk: { package: "p", options: options("hush") } } } });
  expect(redact(config).providers.p?.aiSdk?.options).toEqual(options("[redacted]"));
  expect(config.providers.p?.aiSdk?.options).toEqual(options("hush"));
});

test.each([
  ["anthropic-version", "2023-06-01"],
  ["OpenAI-Organization", "org-1"],
  ["HTTP-Referer", "https://product.example"],
  ["x-title", "A product, with a name of more than twenty letters and 1 digit"],
  ["anthropic-beta", "context"],
])("shows the header %s: %s", (name, value) => {
  const config = create(ConfigSchema, { providers: { house: { headers: { [name]: value } } } });
  expect(redact(config).providers.house?.headers).toEqual({ [name]: value });
});
