/** Writes `docs/providers.md`, the table of what each provider can do, from what the code does. */
import { writeFileSync } from "node:fs";
import { renderProviders } from "./provider-table/render.ts";

writeFileSync(new URL("../docs/providers.md", import.meta.url), await renderProviders());
