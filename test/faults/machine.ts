/** How long processes waited for a processor that others used: what a bound in time has to allow for, and no more. */
import { readFileSync } from "node:fs";

/** Time that a process's main thread was ready to run and did not, ms. 0 where the system does not tell (not Linux). */
function waitedForCpuMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Starts to measure; the function that comes back tells how long these processes have waited since, together, ms. */
export function measureWaits(pids: readonly number[]): () => number {
  const waited = (): number => pids.reduce((sum, pid) => sum + waitedForCpuMs(pid), 0);
  const before = waited();
  return () => Math.max(0, waited() - before);
}
