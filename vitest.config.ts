import { spawnSync } from "node:child_process";
import { configDefaults, defineConfig } from "vitest/config";

/** Tests with certificates make them with openssl: in CI it must be there, elsewhere they are left out without it. */
const NEED_OPENSSL = ["test/doors/tls.test.ts", "test/upstream/tls.test.ts"];

const hasOpenssl = process.env.CI === "true" || spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) process.stdout.write(`openssl is missing: ${NEED_OPENSSL.join(" and ")} are left out\n`);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(hasOpenssl ? [] : NEED_OPENSSL)],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: "forks",
  },
});
