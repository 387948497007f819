/** `--check`: a good file is called good, a bad one is told everything that is wrong with it. */
import { expect, test } from "vitest";
import { runGateway } from "./spawn.ts";

const check = (yaml: string, environment: Record<string, string> = {}) =>
  runGateway({ yaml, args: ["--check"], environment });

test("calls a good file good", async () => {
  const yaml = "providers:\n  openai: { preset: openai }\nmodels:\n  fast: { targets: [openai/gpt-4o-mini] }\n";
  expect(await check(yaml, { OPENAI_API_KEY: "sk-test" })).toEqual({
    code: 0,
    stdout: "The configuration is good.\n",
    stderr: "",
  });
});

const bad: readonly { name: string; yaml: string; problems: readonly string[] }[] = [
  {
    name: "unknown keys, with the one that was meant",
    yaml: "listn: {}\nlimits: { max_mesage_bytes: 1 }\n",
    problems: [
      "listn: is no known key; did you mean listen?",
      "limits.max_mesage_bytes: is no known key; did you mean max_message_bytes?",
    ],
  },
  {
    name: "values of a wrong type",
    yaml: "limits: { max_message_bytes: many, drain_timeout: 30 }\nproviders: []\nlog: { level: 3 }\n",
    problems: [
      "limits.max_message_bytes: must be a whole number that is not negative",
      "limits.drain_timeout: is no duration: write seconds, such as 30s or 0.5s",
      "providers: must be a block of names",
      "log.level: must be text; put it in quotes",
    ],
  },
  {
    name: "a variable that is not set, a file that is not there, a target that leads nowhere, and a model that does not exist",
    yaml: [
      "providers:",
      "  a: { preset: openai, api_key: env:SLUICE_TEST_NOT_SET }",
      "  b: { preset: groq, api_key: file:/nowhere/key }",
      "  c: { preset: openia }",
      "models:",
      "  fast: { targets: [d/model] }",
      "prices:",
      "  a/prod: { same_as: openai/gtp-4o }",
    ].join("\n"),
    problems: [
      "providers.a.api_key: the environment variable SLUICE_TEST_NOT_SET is not set",
      "providers.b.api_key: the file /nowhere/key cannot be read (ENOENT)",
      expect.stringMatching(/^providers\.c\.preset: no such preset; there are openai, /) as unknown as string,
      expect.stringMatching(/^models\.fast\.targets\[0\]: /) as unknown as string,
      expect.stringMatching(/^prices\.a\/prod\.same_as: .* did you mean openai\/gpt-4o/) as unknown as string,
    ],
  },
];

test.each(bad)("lists $name, a line each, and ends with 2", async ({ yaml, problems }) => {
  const { code, stdout, stderr } = await check(yaml);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(
    stderr
      .trimEnd()
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["The configuration cannot be used:", ...problems]);
});

test("refuses a key that is written into the file, and does not repeat it", async () => {
  const { code, stdout, stderr } = await check("providers:\n  a: { preset: openai, api_key: sk-canary-4711 }\n");
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr:
      "The configuration cannot be used:\n  providers.a.api_key: must be a reference, env:NAME or file:/path; a key itself does not belong in this file\n",
  });
});

test("says where a file is no YAML", async () => {
  const { code, stderr } = await check("listen:\n  grpc: [\n");
  expect(code).toBe(2);
  expect(stderr).toMatch(/^The configuration cannot be used:\n {2}line \d: /);
});

test("says that there is no such file", async () => {
  const { code, stderr } = await runGateway({ args: ["--check", "--config", "/nowhere/sluice.yaml"] });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      "The configuration cannot be used:\n  the configuration file /nowhere/sluice.yaml cannot be read (ENOENT)\n",
  });
});

test("finds what would fail the start: an address that others can reach, without TLS", async () => {
  const { code, stderr } = await check("listen: { grpc: '0.0.0.0:50051' }\n");
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("listen.grpc: 0.0.0.0:50051") });
});

test("a start without --check says the same and ends with 2", async () => {
  const { code, stdout, stderr } = await runGateway({ yaml: "listn: {}\n" });
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr: "The configuration cannot be used:\n  listn: is no known key; did you mean listen?\n",
  });
});
