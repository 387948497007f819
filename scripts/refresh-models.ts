/**
 * Renews `src/models/catalogue.json` from the newest packages of pi-ai (npm, MIT) and LiteLLM (PyPI, MIT), of which only
 * their data is read, and prints what changed. Needs npm, tar, and Python with pip.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelCatalogueData } from "../src/models/catalogue.ts";
import { compileModels, formatModels, type LiteModel, type PiModel } from "./compile-models.ts";

const FILE = new URL("../src/models/catalogue.json", import.meta.url);
const LITE_FILE = "litellm/model_prices_and_context_window_backup.json";

const folder = mkdtempSync(join(tmpdir(), "sluice-models-"));
try {
  const pi = readPi();
  const lite = readLite();
  const after: ModelCatalogueData = {
    source: `pi-ai ${pi.version}, litellm ${lite.version}`,
    date: pi.date,
    providers: compileModels(pi.models, lite.models),
  };
  const before = existsSync(FILE) ? linesOf(readFileSync(FILE, "utf8")) : new Set<string>();
  const text = formatModels(after);
  const now = linesOf(text);
  writeFileSync(FILE, text);
  for (const line of before) if (!now.has(line)) console.log(`- ${line}`);
  for (const line of now) if (!before.has(line)) console.log(`+ ${line}`);
  const count = after.providers.reduce((sum, provider) => sum + provider.models.length, 0);
  console.log(`${count} models of ${after.providers.length} providers, ${after.source} of ${after.date}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function readPi() {
  run("npm", ["pack", "--silent", "--pack-destination", folder, "@earendil-works/pi-ai"]);
  run("tar", ["-xzf", fileIn(folder, ".tgz"), "-C", folder]);
  const data = join(folder, "package/dist/providers/data");
  const { generatedAt } = readJson(join(data, ".manifest.json")) as { generatedAt: string };
  const { version } = readJson(join(folder, "package/package.json")) as { version: string };
  const names = readdirSync(data).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  const models = names.map((name): [string, readonly PiModel[]] => {
    const byApi = readJson(join(data, name)) as Record<string, Record<string, PiModel>>;
    return [name.replace(/\.json$/, ""), Object.values(byApi).flatMap((one) => Object.values(one))];
  });
  return { version, date: generatedAt.slice(0, 10), models: new Map(models) };
}

function readLite() {
  run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, "litellm"]);
  const wheel = fileIn(folder, ".whl");
  run("python3", ["-m", "zipfile", "-e", wheel, folder]);
  const version = /litellm-([^-]+)-/.exec(wheel)?.[1] ?? "unknown";
  return { version, models: readJson(join(folder, LITE_FILE)) as Record<string, LiteModel> };
}

function linesOf(text: string): Set<string> {
  return new Set(text.split("\n").map((line) => line.trim().replace(/,$/, "")));
}

function fileIn(where: string, ending: string): string {
  const found = readdirSync(where).find((name) => name.endsWith(ending));
  if (found === undefined) throw new Error(`nothing that ends in ${ending} was downloaded`);
  return join(where, found);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}
