/** `prices`, as it is printed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printPrices } from "../../src/prices-command.ts";

const atMs = Date.UTC(2026, 10, 1, 12);

let directory: string;
let file: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-prices-"));
  file = join(directory, "sluice.yaml");
  writeFileSync(
    file,
    `
providers:
  openai: { preset: openai }
  search: { preset: perplexity }
  house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1" }
models:
  fast: { targets: [house/llama, house/unknown] }
prices:
  house/llama: { input: 0.2, output: 0.6 }
  openai/*: { discount: 50 }
`,
  );
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What a run prints, with runs of spaces as one, and the catalogue's date as DATE. */
function run(...args: readonly string[]) {
  const { stdout, stderr, exitCode } = printPrices(args, atMs);
  const tidy = (text: string) => text.replace(/ +/g, " ").replace(/genai-prices \d{4}-\d\d-\d\d/g, "genai-prices DATE");
  return { stdout: tidy(stdout), stderr: tidy(stderr), exitCode };
}

test("shows the rates of a model and where they are from", () => {
  expect(run("openai/gpt-4o")).toEqual({
    stdout: `openai/gpt-4o, USD per million tokens
 input 2.50
 cache read 1.25
 output 10.00
 source: genai-prices DATE openai/gpt-4o
`,
    stderr: "",
    exitCode: 0,
  });
});

test("shows the rates of longer prompts beside those of shorter ones", () => {
  expect(run("gemini-2.5-pro", "openrouter/google/gemini-2.5-pro").stdout).toContain(
    " to 200000 tokens above 200000\n",
  );
});

test("shows every time of a price, and which is now", () => {
  const headings = run("deepseek/deepseek-v4-flash")
    .stdout.split("\n")
    .filter((line) => /^ (?:at|from|\d\d:)/.test(line));
  expect(headings).toEqual([" at other times", " from 2026-08-17 (now)", " 01:00 to 04:00 UTC", " 06:00 to 10:00 UTC"]);
});

test("shows the fee of a request", () => {
  expect(run("--config", file, "search/sonar").stdout).toContain("\n each request 0.0");
});

test("shows a bare name with every provider that has it", () => {
  const { stdout } = run("gpt-4o-mini");
  expect(stdout.split("\n").filter((line) => line.endsWith("tokens"))).toEqual([
    "openai/gpt-4o-mini, USD per million tokens",
    "azure-openai/gpt-4o-mini, USD per million tokens",
  ]);
});

test("shows what is paid after a discount, and the targets of an alias", () => {
  expect(run("--config", file, "openai/gpt-4o", "fast")).toEqual({
    stdout: `openai/gpt-4o, USD per million tokens
 input 1.25
 cache read 0.625
 output 5.00
 source: genai-prices DATE openai/gpt-4o, less 50 % by config prices.openai/*

house/llama, USD per million tokens
 input 0.20
 output 0.60
 source: config prices.house/llama
`,
    stderr: "",
    exitCode: 0,
  });
});

test("names the nearest models where no price is known, and exits with 1", () => {
  expect(run("openai/gtp-4o", "openai/gpt-4o", "whisper-1")).toEqual({
    stdout: expect.stringContaining("openai/gpt-4o, USD") as string,
    stderr: expect.stringMatching(
      /^no price of "openai\/gtp-4o" is known; the nearest names are openai\/gpt-4o.*\nno price of "whisper-1" is known/,
    ) as string,
    exitCode: 1,
  });
});

test("lists the models of the configured providers", () => {
  const { stdout, exitCode } = run("--config", file);
  const lines = stdout.split("\n");
  expect(exitCode).toBe(0);
  expect(lines[0]).toBe("USD per million tokens input output source");
  expect(lines).toContain("house/llama 0.20 0.60 config prices.house/llama");
  expect(lines).toContain("search/sonar 1.00 1.00 genai-prices DATE perplexity/sonar");
  expect(lines.filter((line) => line.startsWith("openai/")).length).toBeGreaterThan(50);
});

test.each([
  { name: "no model and no configuration", args: [], says: "Name models" },
  { name: "an option that does not exist", args: ["--confg", "x"], says: "--confg" },
  { name: "a configuration that cannot be read", args: ["--config", "/nowhere"], says: "/nowhere" },
])("$name exits with 2, and says so", ({ args, says }) => {
  expect(run(...args)).toEqual({ stdout: "", stderr: expect.stringContaining(says) as string, exitCode: 2 });
});
