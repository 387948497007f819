import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const src = join(root, "src");

/** A room may import itself and the rooms named here. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  config: ["domain"],
  wire: ["domain"],
  telemetry: ["domain"],
  models: ["domain"],
  pricing: ["domain", "models"],
  provider: ["domain", "wire"],
  routing: ["domain", "models", "provider"],
  pipeline: ["domain", "wire", "telemetry", "models", "pricing", "provider", "routing"],
  service: ["domain", "telemetry", "pipeline"],
  transport: ["domain", "telemetry", "service"],
  simulator: [],
  client: [],
  "capabilities.ts": ["models", "routing"],
  "packages.ts": ["config", "provider"],
  "prices.ts": ["config", "models", "pricing", "routing"],
  "prices-command.ts": ["config", "models", "prices.ts", "pricing", "routing"],
  "directory.ts": ["domain", "models", "prices.ts", "pricing", "service"],
  "listening.ts": ["config", "transport"],
  "targets.ts": ["config", "domain", "pipeline", "service"],
  "trial.ts": ["config", "simulator"],
  "signing.ts": ["config", "domain", "provider"],
  "made-provider.ts": [
    "config",
    "domain",
    "keys.ts",
    "packages.ts",
    "prices.ts",
    "provider",
    "signing.ts",
    "telemetry",
  ],
  "assembly.ts": [
    "config",
    "directory.ts",
    "domain",
    "made-provider.ts",
    "models",
    "packages.ts",
    "pipeline",
    "prices.ts",
    "provider",
    "routes.ts",
    "routing",
    "service",
    "targets.ts",
    "telemetry",
  ],
  "prepare.ts": [
    "capabilities.ts",
    "config",
    "listening.ts",
    "models",
    "packages.ts",
    "prices.ts",
    "provider",
    "transport",
  ],
  "keys.ts": ["config", "domain", "provider", "routing", "telemetry"],
  "routes.ts": ["config", "domain", "pipeline", "provider", "routing"],
  "reload.ts": ["domain"],
  "plan-in-force.ts": ["assembly.ts", "config", "domain", "pipeline", "service", "telemetry"],
  "administration.ts": ["config", "plan-in-force.ts", "service", "telemetry", "transport"],
  "observing.ts": ["config", "domain", "pricing", "provider", "service", "telemetry", "transport"],
  "overload.ts": ["config", "domain", "pipeline", "routing", "telemetry"],
  "gateway.ts": [
    "administration.ts",
    "assembly.ts",
    "config",
    "domain",
    "listening.ts",
    "observing.ts",
    "overload.ts",
    "plan-in-force.ts",
    "service",
    "telemetry",
    "transport",
  ],
  "main.ts": [
    "config",
    "domain",
    "gateway.ts",
    "prepare.ts",
    "prices-command.ts",
    "pricing",
    "reload.ts",
    "telemetry",
    "trial.ts",
  ],
};

/** Each outside package has one home; these may be used anywhere outside of the simulator. */
const everywhere = ["@bufbuild/protobuf"];

const homes: Readonly<Record<string, readonly string[]>> = {
  undici: ["wire"],
  "eventsource-parser": ["wire"],
  "@smithy/signature-v4": ["provider"],
  "@aws-sdk/credential-provider-node": ["provider"],
  "@grpc/grpc-js": ["transport"],
  "@connectrpc/connect": ["transport", "client"],
  "@connectrpc/connect-node": ["transport"],
  "@bufbuild/protovalidate": ["service", "config"],
  yaml: ["config"],
  "fastest-levenshtein": ["routing", "config"],
  pino: ["telemetry"],
  "google-auth-library": ["provider"],
};

interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

const imports: readonly Import[] = files.flatMap((file) => {
  const text = readFileSync(join(src, file), "utf8");
  const found = text.matchAll(/^(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|^import\s+"([^"]+)"/gm);
  return [...found].map((match) => ({ file, room: roomOf(file), specifier: match[1] ?? match[2] ?? match[3] ?? "" }));
});

function roomOf(file: string): string {
  return file.split("/", 1)[0] ?? file;
}

function targetOf({ file, specifier }: Import): string {
  return relative(src, resolve(src, dirname(file), specifier));
}

const own = imports.filter(({ specifier }) => specifier.startsWith("."));
const outside = imports.filter(({ specifier }) => !specifier.startsWith(".") && !specifier.startsWith("node:"));

describe("imports", () => {
  test("are found at all", () => {
    expect(own.length).toBeGreaterThan(100);
    expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(mayImport).sort());
  });

  test("go from a room to itself and to rooms on its left", () => {
    const wrong = own.filter((one) => {
      const target = targetOf(one);
      if (target.startsWith("../gen/")) return one.room === "simulator";
      return roomOf(target) !== one.room && mayImport[one.room]?.includes(roomOf(target)) !== true;
    });
    expect(wrong).toEqual([]);
  });

  test("of outside packages stay in their homes", () => {
    const wrong = outside.filter(({ room, specifier }) => {
      const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      if (name.startsWith("@opentelemetry/")) return room !== "telemetry";
      return room === "simulator" || !(everywhere.includes(name) || homes[name]?.includes(room) === true);
    });
    expect(wrong).toEqual([]);
  });

  test("form no cycle", () => {
    const next = new Map<string, string[]>();
    for (const one of own) next.set(one.file, [...(next.get(one.file) ?? []), targetOf(one)]);
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) expect.fail([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file)) return;
      for (const target of next.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of next.keys()) visit(file, []);
  });
});

test("the client needs nothing of Node", () => {
  const found = imports.filter(({ room, specifier }) => room === "client" && specifier.startsWith("node:"));
  const globals = files.filter((file) => {
    return (
      file.startsWith("client/") && /\b(?:process|Buffer|setImmediate)\b/.test(readFileSync(join(src, file), "utf8"))
    );
  });
  expect([found, globals]).toEqual([[], []]);
});

test("the environment is read in one place only", () => {
  const readers = files.filter((file) => /process\.env\b/.test(readFileSync(join(src, file), "utf8")));
  expect(readers).toEqual(["config/secrets.ts"]);
});

test("clocks and randomness come in as parameters", () => {
  const users = files.filter((file) => {
    if (file.startsWith("simulator/")) return false;
    return /\bDate\.now\(|performance\.now\(|(?<!\.)\bsetTimeout\(|\bsetInterval\(|Math\.random\b/.test(
      readFileSync(join(src, file), "utf8"),
    );
  });
  expect(users.sort()).toEqual(["client/wait.ts", "domain/clock.ts", "main.ts"]);
});

test("no file is longer than a room comes to", () => {
  const limit = 250;
  const long = files.filter((file) => readFileSync(join(src, file), "utf8").split("\n").length > limit + 1);
  expect(long).toEqual([]);
});
