import { readFileSync } from "node:fs";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { LineCounter, parseDocument } from "yaml";
import { type Config, ConfigSchema } from "../../gen/sluice/config/v1/config_pb.ts";
import { ConfigError } from "./problem.ts";
import { checkShape } from "./shape.ts";

export type { Config };

/** Of a file that is no YAML, one mistake leads to many errors: so many are told. */
const MAX_SYNTAX_ERRORS = 10;

/** The configuration of a file that says nothing. */
export function emptyConfig(): Config {
  return create(ConfigSchema);
}

/** Reads a configuration file. Throws `ConfigError` with everything that is wrong with it. */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error ? String(Reflect.get(error, "code") ?? error.name) : "unknown";
    throw new ConfigError([{ path: "", message: `the configuration file ${path} cannot be read (${code})` }]);
  }
  return parseConfig(text);
}

/** Parses a configuration: YAML, compared with the schema, then with the rules in it. Throws `ConfigError`. */
export function parseConfig(text: string): Config {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, version: "1.2" });
  if (document.errors.length > 0) {
    const told = document.errors.slice(0, MAX_SYNTAX_ERRORS).map((error) => ({
      path: "",
      message: `line ${lineCounter.linePos(error.pos[0]).line}: ${error.message.split("\n", 1)[0]}`,
    }));
    const untold = document.errors.length - told.length;
    throw new ConfigError(untold === 0 ? told : [...told, { path: "", message: `and ${untold} more like these` }]);
  }
  const shape = checkShape(ConfigSchema, document);
  if (shape.length > 0) throw new ConfigError(shape);

  let config: Config;
  try {
    const json: unknown = document.toJS({ maxAliasCount: 10_000 });
    config = fromJson(ConfigSchema, withoutNulls(json ?? {}) as JsonValue);
  } catch (error) {
    throw new ConfigError([{ path: "", message: error instanceof Error ? error.message : "cannot be read" }]);
  }
  const result = createValidator().validate(ConfigSchema, config);
  if (result.kind === "error") throw result.error;
  if (result.kind === "invalid") {
    throw new ConfigError(
      result.violations.map((violation) => ({
        path: pathToString(violation.field).replace(/\["([^"]+)"\]/g, ".$1"),
        message: violation.message,
      })),
    );
  }
  return config;
}

/** `listen:` with nothing below it means the same as no `listen` at all. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}
