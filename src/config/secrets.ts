import { readFileSync } from "node:fs";
import { Secret } from "../domain/secret.ts";

/** The process's environment, as far as it is asked for. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The one place that reads `process.env`. */
export const processEnvironment: Environment = process.env;

/**
 * Follows a reference to a secret: `env:NAME` or `file:/path` (one trailing line feed is dropped). Throws a plain
 * error that says what is wrong and never shows a value.
 */
export function resolveSecret(reference: string, environment: Environment): Secret {
  const [, scheme, rest] = /^(env|file):(.+)$/.exec(reference) ?? [];
  if (scheme === undefined || rest === undefined) {
    throw new Error("must be a reference, env:NAME or file:/path; a key itself does not belong in this file");
  }
  const value = scheme === "env" ? environment[rest] : readSecretFile(rest);
  if (value === undefined || value.trim() === "") {
    throw new Error(scheme === "env" ? `the environment variable ${rest} is not set` : `the file ${rest} is empty`);
  }
  // A header cannot hold anything else, and Node's error for it would show the value.
  if (!/^[\x21-\x7e]+$/.test(value)) throw new Error("the secret holds spaces or characters that no header can carry");
  return new Secret(value);
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const code = error instanceof Error ? String(Reflect.get(error, "code") ?? error.name) : "unknown";
    throw new Error(`the file ${path} cannot be read (${code})`);
  }
}
