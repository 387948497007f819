/**
 * Renews `src/pricing/catalogue.json` from the installed genai-prices, or with `--online` from its newest published
 * data, and prints what changed. `--check` writes nothing and fails where the file is not what would be written.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { type Provider, updatePrices, waitForUpdate } from "@pydantic/genai-prices";
import type { CatalogueData } from "../src/pricing/catalogue.ts";
import { comparePrices } from "./compare-prices.ts";
import { compilePrices, formatCatalogue } from "./compile-prices.ts";

const PACKAGE = "@pydantic/genai-prices";
const FILE = new URL("../src/pricing/catalogue.json", import.meta.url);
const ONLINE_TIMEOUT_MS = 60_000;

const { values } = parseArgs({ options: { online: { type: "boolean" }, check: { type: "boolean" } } });

const before = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as CatalogueData) : undefined;
const { providers, rounded, leftOut } = compilePrices(await readProviders());
const after: CatalogueData = { source: "genai-prices", ...readEdition(), providers };
const text = formatCatalogue(after);

if (values.check === true) {
  if (readFileSync(FILE, "utf8") !== text) {
    console.log("The catalogue is not what the data compiles to. Run: npm run prices:refresh");
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, text);
  for (const line of before === undefined ? [] : comparePrices(before, after)) console.log(line);
  if (rounded.length > 0) console.log(`rounded to whole nano-USD:\n${rounded.map((line) => `  ${line}`).join("\n")}`);
  console.log(`left out: ${[...leftOut].map(([kind, models]) => `${kind} (${models})`).join(", ")}`);
  const models = providers.reduce((sum, provider) => sum + provider.models.length, 0);
  console.log(`${models} models of ${providers.length} providers, ${after.version} of ${after.date}`);
}

async function readProviders(): Promise<readonly Provider[]> {
  if (values.online === true) {
    updatePrices(({ remoteDataUrl, setProviderData }) => {
      setProviderData(
        fetch(remoteDataUrl, { signal: AbortSignal.timeout(ONLINE_TIMEOUT_MS) }).then(async (response) => {
          if (!response.ok) throw new Error(`the newest prices cannot be read (${response.status})`);
          return (await response.json()) as Provider[];
        }),
      );
    });
  }
  const found = await waitForUpdate();
  if (found === null) throw new Error("there are no prices");
  return found;
}

/** Version and day of the data. The day of a package is when it was published, which its files don't say. */
function readEdition(): Pick<CatalogueData, "version" | "date"> {
  if (values.online === true) return { version: "online", date: new Date().toISOString().slice(0, 10) };
  const entry = createRequire(import.meta.url).resolve(PACKAGE);
  const file = entry.replace(/dist\/[^/]+$/, "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  if (before?.version === version) return { version, date: before.date };
  const { stdout } = spawnSync("npm", ["view", PACKAGE, "time", "--json"], { encoding: "utf8" });
  const published = (JSON.parse(stdout) as Record<string, string>)[version];
  if (published === undefined) throw new Error(`npm does not know when ${PACKAGE} ${version} was published`);
  return { version, date: published.slice(0, 10) };
}
