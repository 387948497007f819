/** The names of the conventions are copies: here they are compared with the package that they come from. */
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { expect, test } from "vitest";
import { attribute, metric } from "../../src/telemetry/names.ts";

const published = new Set<unknown>(Object.values(conventions));

test.each([...Object.values(attribute), ...Object.values(metric)])("%s is a name of the conventions", (name) => {
  expect(published).toContain(name);
});
