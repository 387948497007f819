import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "./config/load.ts";
import { ConfigError, type Problem } from "./config/problem.ts";
import type { Settings } from "./config/settings.ts";
import { isLoopback, parseAddress, type TlsFiles } from "./transport/address.ts";

/** Reads the certificate's files. Throws `ConfigError` naming the one that cannot be read. */
export function readTls(config: Config): TlsFiles | undefined {
  const tls = config.listen?.tls;
  if (tls === undefined) return undefined;
  const problems: Problem[] = [];
  const read = (key: string, path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      const code = error instanceof Error ? String(Reflect.get(error, "code") ?? error.name) : "unknown";
      problems.push({ path: `listen.tls.${key}`, message: `the file ${path} cannot be read (${code})` });
      return Buffer.alloc(0);
    }
  };
  const files = {
    cert: read("cert_file", tls.certFile),
    key: read("key_file", tls.keyFile),
    clientCa: tls.clientCaFile === "" ? undefined : read("client_ca_file", tls.clientCaFile),
  };
  if (problems.length === 0) {
    try {
      createSecureContext({ cert: files.cert, key: files.key, ca: files.clientCa });
    } catch (error) {
      const code = error instanceof Error ? String(Reflect.get(error, "code") ?? error.name) : "unknown";
      problems.push({ path: "listen.tls", message: `the certificate and its key cannot be used together (${code})` });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return files;
}

/**
 * Checks where the doors are to listen. Plain text is for this machine: what others can reach needs TLS, or a word
 * that the operator means it. Throws `ConfigError`.
 */
export function checkAddresses({
  settings,
  tls,
  insecure,
}: {
  readonly settings: Pick<Settings, "grpcAddress" | "httpAddress" | "admin">;
  readonly tls: TlsFiles | undefined;
  /** Listens without TLS on addresses that others can reach. */
  readonly insecure: boolean;
}): void {
  const problems: Problem[] = [];
  const { grpcAddress, httpAddress, admin } = settings;
  for (const { path, address, isGuarded, need } of [
    { path: "listen.grpc", address: grpcAddress, isGuarded: tls !== undefined, need: "listen.tls" },
    { path: "listen.http", address: httpAddress, isGuarded: tls !== undefined, need: "listen.tls" },
    {
      path: "listen.admin",
      address: admin?.address,
      // Encryption does not say who asks: it is for callers with a certificate.
      isGuarded: tls?.clientCa !== undefined,
      need: "listen.tls with client_ca_file",
    },
  ]) {
    if (address === undefined) continue;
    try {
      if (!isLoopback(parseAddress(address)) && !isGuarded && !insecure) {
        const message = `${address} can be reached from other machines: configure ${need}, or start with --insecure`;
        problems.push({ path, message });
      }
    } catch (error) {
      problems.push({ path, message: error instanceof Error ? error.message : "is no address" });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
