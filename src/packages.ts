import type { Problem } from "./config/problem.ts";
import type { ProviderSettings } from "./config/providers.ts";
import type { OpenAiSdk } from "./provider/ai-sdk/index.ts";

/** What makes the providers that packages of the AI SDK speak for, by their names. */
export type Packages = ReadonlyMap<string, OpenAiSdk>;

/**
 * Loads the packages that a configuration names, and what they need; without any, nothing. Adds to `problems` those that
 * cannot be used.
 */
export async function loadPackages(providers: readonly ProviderSettings[], problems: Problem[]): Promise<Packages> {
  const packages = new Map<string, OpenAiSdk>();
  for (const { name, aiSdk } of providers) {
    if (aiSdk === undefined) continue;
    try {
      const { loadAiSdk } = await import("./provider/ai-sdk/index.ts");
      packages.set(name, await loadAiSdk(aiSdk.package, aiSdk.factory));
    } catch (error) {
      const message = error instanceof Error ? error.message : "cannot be loaded";
      problems.push({ path: `providers.${name}.ai_sdk.package`, message: `${aiSdk.package} ${message}` });
    }
  }
  return packages;
}
