import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";

/** Longest list that a path may ask for: what a model writes there is not believed. */
const MAX_INDEX = 10_000;

type Container = Record<string | number, unknown>;

/**
 * Arguments that come in pieces, each a path such as `$.address.lines[0]` and a value or the next part of a string.
 * Source: Vertex's reference of `PartialArg`, and a recorded stream, 2026-11.
 */
export class PartialArguments {
  #root: Container | undefined;

  add(pieces: unknown): void {
    for (const item of asArray(pieces)) {
      const piece = asRecord(item);
      const path = parsePath(asString(piece?.jsonPath) ?? "");
      if (piece === undefined || path === undefined) continue;
      this.#root ??= {};
      put(this.#root, path, piece);
    }
  }

  /** JSON of what came; empty where nothing did. */
  toJson(): string {
    return this.#root === undefined ? "" : JSON.stringify(this.#root);
  }
}

/** Steps of a path, at least one; undefined for what is no path of names and places. */
function parsePath(path: string): readonly (string | number)[] | undefined {
  if (!/^\$(?:\.[^.[\]]+|\[\d+\]|\['[^']*'\]|\["[^"]*"\])+$/.test(path)) return undefined;
  const steps = path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/g);
  return Array.from(steps, ([, name, place, single, double]) =>
    place === undefined ? (name ?? single ?? double ?? "") : Math.min(Number(place), MAX_INDEX),
  );
}

function put(root: Container, path: readonly (string | number)[], piece: JsonRecord): void {
  let at = root;
  path.forEach((step, n) => {
    const next = path[n + 1];
    const before = Object.hasOwn(at, step) ? at[step] : undefined;
    if (next === undefined) define(at, step, readValue(piece, before));
    else if (typeof before !== "object" || before === null) define(at, step, typeof next === "number" ? [] : {});
    at = (at[step] ?? {}) as Container;
  });
}

function readValue(piece: JsonRecord, before: unknown): unknown {
  const text = asString(piece.stringValue);
  if (text !== undefined) return typeof before === "string" ? before + text : text;
  return piece.numberValue ?? piece.boolValue ?? null;
}

/** Not by assignment: `__proto__` as a name would set the prototype. */
function define(target: Container, name: string | number, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
