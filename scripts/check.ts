/** Runs every check that needs no server, one line each; the output of a step is shown only where it fails. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Step {
  readonly name: string;
  readonly commands: readonly (readonly string[])[];
}

function git(...args: string[]): string {
  return spawnSync("git", args, { encoding: "utf8" }).stdout?.trim() ?? "";
}

/**
 * Versions of the contract that callers may have compiled against: main upstream and, on main itself, each version
 * that it has carried lately. Comparing with HEAD alone would find nothing on a clean checkout.
 */
function earlierContracts(): string[] {
  const versions = git("log", "-n", "20", "--first-parent", "--format=%H", "--", "proto/sluice").split("\n");
  const upstream = git("rev-parse", "--verify", "--quiet", "origin/main");
  return [...new Set([...versions, upstream])].filter((commit) => commit !== "");
}

/** The contract's directory as one module: of a workspace of two, buf reports deletions that are none. */
const CONTRACT = JSON.stringify({ version: "v2", modules: [{ path: "proto" }], breaking: { use: ["WIRE_JSON"] } });

const fresh = mkdtempSync(join(tmpdir(), "sluice-gen-"));

const steps: readonly Step[] = [
  { name: "format and lint (biome)", commands: [["biome", "ci", "--colors=off", "--error-on-warnings"]] },
  { name: "lint with types (oxlint)", commands: [["oxlint", "--deny-warnings"]] },
  { name: "types (tsc)", commands: [["tsc", "-p", "tsconfig.json"]] },
  { name: "contract: lint", commands: [["buf", "lint"]] },
  { name: "contract: format", commands: [["buf", "format", "--diff", "--exit-code"]] },
  {
    name: "contract: nothing breaks callers",
    commands: earlierContracts().map((commit) => [
      ...["buf", "breaking", "--config", CONTRACT, "--against-config", CONTRACT],
      ...["--path", "proto/sluice/v1", "--path", "proto/sluice/admin/v1", "--against", `.git#ref=${commit}`],
    ]),
  },
  {
    name: "generated code is up to date",
    commands: [
      ["buf", "generate", "--output", fresh],
      ["git", "diff", "--no-index", "--stat", "gen", join(fresh, "gen")],
    ],
  },
  { name: "unused code (knip)", commands: [["knip"]] },
  { name: "directions and package homes", commands: [["vitest", "run", "test/architecture"]] },
];

let failed = 0;
for (const { name, commands } of steps) {
  const startedAt = performance.now();
  const output: string[] = [];
  const good = commands.every(([command = "", ...args]) => {
    const result = spawnSync(command, args, {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    output.push(
      `$ ${command} ${args.join(" ")}\n${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`,
    );
    return result.status === 0;
  });
  console.log(`${good ? "ok    " : "FAILED"} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  if (!good) {
    failed++;
    console.log(output.join("\n"));
  }
}
rmSync(fresh, { recursive: true, force: true });
if (failed > 0) {
  console.log(
    `\n${failed} of ${steps.length} checks failed. "npm run format" mends formatting, "npm run generate" generated code.`,
  );
  process.exitCode = 1;
}
