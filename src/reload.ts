import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Clock } from "./domain/clock.ts";

/** How often the file is looked at, ms. */
const LOOK_MS = 500;

const MISSING = "missing";

/**
 * Which file a path leads to now, and in which state: through links, so that a new mount of a secret or of a
 * `ConfigMap` shows, whose names all stay while one link in the middle moves.
 */
export function stateOf(path: string): string {
  try {
    return describe(statSync(path, { bigint: true }));
  } catch {
    return MISSING;
  }
}

/** All that changes with the content, whoever writes it: what keeps the time of a file's content gives it a new node. */
function describe({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

/**
 * Calls `reload` when the file has changed since the state `read`, and then at each further change. Only once two looks
 * found the same: a file may be half written, or away for a moment because its editor renames. One that stays away is
 * a change too.
 */
export function reloadOnChange(path: string, read: string | undefined, clock: Clock, reload: () => void): void {
  let loaded = read;
  let seen = read;
  const look = async (): Promise<void> => {
    const now = await stat(path, { bigint: true }).then(describe, () => MISSING);
    if (now === seen && now !== loaded) {
      loaded = now;
      reload();
    }
    seen = now;
    clock.schedule(LOOK_MS, () => void look());
  };
  clock.schedule(LOOK_MS, () => void look());
}
