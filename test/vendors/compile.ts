/** Lets TypeScript judge JSON by types that vendors publish. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

export interface Judged {
  readonly name: string;
  readonly value: unknown;
  /** A type by its name in `from`. */
  readonly type: string;
}

/**
 * What the compiler says of each value, as a literal of its type: fields that the type has not are errors too. Nothing
 * for values that are of their types.
 */
export async function compile(imports: string, judged: readonly Judged[]): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-types-"));
  try {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    // One line for each value, so that an error's line says whose it is.
    const lines = judged.map(({ value, type }, at) => `export const v${at}: ${type} = ${JSON.stringify(value)};`);
    await writeFile(join(folder, "values.ts"), [imports, ...lines, ""].join("\n"));
    const options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--target", "es2024"];
    const output = await runTsc([...options, "--pretty", "false", "values.ts"], folder);
    const found: Record<string, string> = {};
    for (const [, line, message = ""] of output.matchAll(/^values\.ts\((\d+),\d+\): error (.*(?:\n\s.*)*)/gm)) {
      const name = judged[Number(line) - 2]?.name ?? "imports";
      found[name] ??= message;
    }
    if (output !== "" && Object.keys(found).length === 0) throw new Error(output);
    return found;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runTsc(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((done, reject) => {
    execFile(join(root, "node_modules/.bin/tsc"), args, { cwd, maxBuffer: 1 << 26 }, (error, stdout) => {
      if (error !== null && stdout === "") reject(error);
      else done(stdout.trim());
    });
  });
}
