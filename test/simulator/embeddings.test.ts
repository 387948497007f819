import { expect, test } from "vitest";
import type { Simulator } from "../../src/simulator/server.ts";
import { withSimulator } from "./client.ts";

interface Vectors {
  readonly data: readonly { readonly index: number; readonly embedding: number[] | string }[];
  readonly usage: unknown;
}

async function embed(simulator: Simulator, body: Record<string, unknown>): Promise<{ status: number; body: Vectors }> {
  const response = await fetch(`${simulator.url}/embeddings`, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Vectors };
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, at) => sum + x * (b[at] ?? 0), 0);

test("a text has always the same vector, of length 1", () =>
  withSimulator(async (simulator) => {
    const { body } = await embed(simulator, { model: "echo", input: ["one mill", "two mills", "one mill"] });
    const [first, second, third] = body.data.map(({ embedding }) => embedding as number[]);
    expect(body).toMatchObject({ object: "list", model: "echo", usage: { prompt_tokens: 18, total_tokens: 18 } });
    expect(first).toHaveLength(64);
    expect(first).toEqual(third);
    expect(first).not.toEqual(second);
    expect(Math.hypot(...(first ?? []))).toBeCloseTo(1, 5);
  }));

test("texts that share words are nearer than those that don't", () =>
  withSimulator(async (simulator) => {
    const input = ["the wheel of the mill", "a mill and its wheel", "quite another story"];
    const { body } = await embed(simulator, { model: "echo", input, dimensions: 256 });
    const [mill = [], wheel = [], story = []] = body.data.map(({ embedding }) => embedding as number[]);
    expect(dot(mill, wheel)).toBeGreaterThan(dot(mill, story) + 0.1);
  }));

test("vectors come as base64 where that is asked for", () =>
  withSimulator(async (simulator) => {
    const body = { model: "echo", input: "mill", dimensions: 3 };
    const plain = await embed(simulator, body);
    const coded = await embed(simulator, { ...body, encoding_format: "base64" });
    const bytes = Buffer.from(coded.body.data[0]?.embedding as string, "base64");
    expect([0, 4, 8].map((at) => bytes.readFloatLE(at))).toEqual(plain.body.data[0]?.embedding);
  }));

test.each([
  ["model", { input: "a" }],
  ["input", { model: "echo" }],
  ["input", { model: "echo", input: [] }],
  ["input", { model: "echo", input: ["a", ""] }],
  ["input", { model: "echo", input: Array.from({ length: 2049 }, () => "a") }],
  ["dimensions", { model: "echo", input: "a", dimensions: 0 }],
  ["dimensions", { model: "echo", input: "a", dimensions: 5000 }],
  ["encoding_format", { model: "echo", input: "a", encoding_format: "hex" }],
])("a wrong %s is refused", (param, body) =>
  withSimulator(async (simulator) => {
    expect(await embed(simulator, body)).toMatchObject({ status: 400, body: { error: { param } } });
  }),
);

test("faults fail vectors like answers", () =>
  withSimulator(async (simulator) => {
    const body = { model: "flaky:fail=1", input: "a" };
    expect([(await embed(simulator, body)).status, (await embed(simulator, body)).body.data.length]).toEqual([503, 1]);
    expect((await embed(simulator, { model: "fault.rate-limited", input: "a" })).status).toBe(429);
  }));
