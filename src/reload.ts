import { watchFile } from "node:fs";
import { ConfigError } from "./config/problem.ts";
import type { ProviderSettings } from "./config/providers.ts";
import type { Gateway } from "./gateway.ts";
import { type ConfigArguments, prepare } from "./prepare.ts";

/** How often the file is looked at, ms. Asking its state finds changes behind links too, such as mounted secrets'. */
const LOOK_MS = 1000;

/**
 * Reads the configuration again on SIGHUP, and when its file changes. One that has errors changes nothing: the gateway
 * goes on with the one before. `always`: providers that no configuration names.
 */
export function reloadOnChange(args: ConfigArguments, always: readonly ProviderSettings[], gateway: Gateway): void {
  const read = async (): Promise<void> => {
    try {
      const { providers, ...prepared } = await prepare(args);
      gateway.reload({ ...prepared, providers: [...providers, ...always] });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      gateway.reloadRefused(error.problems);
    }
  };
  // One after the other, so that the newest stays.
  let reading = Promise.resolve();
  const reload = (): void => {
    reading = reading.then(read);
  };
  process.on("SIGHUP", reload);
  if (args.config !== undefined) {
    watchFile(args.config, { interval: LOOK_MS, persistent: false }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reload();
    });
  }
}
