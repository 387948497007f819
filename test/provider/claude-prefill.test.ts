import { expect, test } from "vitest";
import { takesPrefill } from "../../src/provider/claude-prefill.ts";

test.each([
  ["claude-3-haiku-20240307", true],
  ["claude-3-7-sonnet-latest", true],
  ["claude-sonnet-4-20250514", true],
  ["claude-sonnet-4@20250514", true],
  ["claude-opus-4-0", true],
  ["claude-opus-4-1-20250805", true],
  ["claude-sonnet-4-5", true],
  ["anthropic/claude-sonnet-4.5:beta", true],
  ["us.anthropic.claude-haiku-4-5-20251001-v1:0", true],
  ["anthropic.claude-v2:1", true],
  ["claude-sonnet-4-6", false],
  ["us.anthropic.claude-opus-4-6-v1", false],
  ["claude-opus-4-8", false],
  ["claude-opus-4-10", false],
  ["claude-sonnet-5", false],
  ["claude-haiku-5-5", false],
  ["claude-fable-5-1", false],
  ["claude-latest", false],
  ["glm-5", false],
])("%s: %s", (model, takes) => {
  expect(takesPrefill(model)).toBe(takes);
});
