import { existsSync, readdirSync, readFileSync } from "node:fs";

/** CPU and memory of other processes can be read only where the system has Linux's /proc. */
export const canMeter = existsSync(`/proc/${process.pid}/task/${process.pid}/schedstat`);

/** CPU time that a process has used so far, all its threads together, ns. */
export function readCpuNs(pid: number): number | undefined {
  if (!canMeter) return undefined;
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return total;
}

/** Memory that a process occupies, bytes. */
export function readResidentBytes(pid: number): number | undefined {
  if (!canMeter) return undefined;
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
