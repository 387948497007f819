import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

/** Tests with certificates make them with openssl: in CI it must be there, elsewhere they are left out without it. */
const NEED_OPENSSL = ["test/doors/admin.test.ts", "test/doors/tls.test.ts", "test/upstream/tls.test.ts"];

const hasOpenssl = process.env.CI === "true" || spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) process.stdout.write(`openssl is missing: ${NEED_OPENSSL.join(", ")} are left out\n`);

/** Tests that bound a wait in real time run alone, after all others: beside them they would measure those. */
const TIMED = [
  "test/client/follow-stream.test.ts",
  "test/doors/resume-bounds.test.ts",
  "test/doors/resume.test.ts",
  "test/upstream/cancel.test.ts",
  "test/upstream/hedge-tail.test.ts",
  "test/upstream/retries.test.ts",
];

const shared = { testTimeout: 20_000, hookTimeout: 20_000, pool: "forks" } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "all",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...TIMED, ...(hasOpenssl ? [] : NEED_OPENSSL)],
          sequence: { groupOrder: 0 },
          // Vitest's own choice, but never one alone: on two cores that takes half as long again. With more workers
          // than cores, tests that measure time fail.
          maxWorkers: Math.max(2, availableParallelism() - 1),
        },
      },
      {
        test: { ...shared, name: "timed", include: TIMED, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
