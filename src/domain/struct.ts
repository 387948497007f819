import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/**
 * Records and lists within each other that are told. Each takes up to three messages of the hundred that protobuf's
 * implementations in other languages read within each other.
 */
const MAX_DEPTH = 24;

/**
 * What another wrote, as far as a `google.protobuf.Struct` holds it: a number beyond all measure, which JSON can say
 * (`1e999`) and the struct cannot, becomes its name; what is nested too deep becomes null. The same object where there is
 * neither.
 */
export function toStruct(fields: JsonObject): JsonObject {
  return isPlain(fields, MAX_DEPTH) ? fields : (tame(fields, MAX_DEPTH) as JsonObject);
}

function isPlain(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isPlain(inner, depth - 1));
}

function tame(value: JsonValue, depth: number): JsonValue {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return null;
  if (Array.isArray(value)) return value.map((inner) => tame(inner, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tame(inner, depth - 1)]));
}
