import type { UpstreamProvider } from "../upstream.ts";
import { loadFactory } from "./package.ts";
import { AiSdkProvider, type AiSdkProviderOptions } from "./provider.ts";

/** Makes the provider of a package. Throws what the package's factory does. */
export type OpenAiSdk = (options: Omit<AiSdkProviderOptions, "factory">) => UpstreamProvider;

/** Loads a package. Throws an `Error` that says what to do. */
export async function loadAiSdk(packageName: string, factoryName: string | undefined): Promise<OpenAiSdk> {
  const factory = await loadFactory(packageName, factoryName);
  return (options) => new AiSdkProvider({ ...options, factory });
}
