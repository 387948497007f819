import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { distance } from "fastest-levenshtein";
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import type { Problem } from "./problem.ts";

/**
 * Compares a YAML document with the schema and lists every place where they differ: unknown keys, and values of
 * another kind. (The protobuf JSON parser stops at the first, and does not know where it was.)
 */
export function checkShape(desc: DescMessage, document: Document.Parsed): Problem[] {
  const problems: Problem[] = [];
  const walk = new Walk(document, problems);
  walk.message(desc, document.contents, "");
  return problems;
}

const DURATION = "google.protobuf.Duration";
const ANY_JSON = "google.protobuf.Struct";

class Walk {
  readonly #document: Document.Parsed;
  readonly #problems: Problem[];

  constructor(document: Document.Parsed, problems: Problem[]) {
    this.#document = document;
    this.#problems = problems;
  }

  message(desc: DescMessage, given: unknown, path: string): void {
    const node = this.#resolve(given);
    if (isEmpty(node)) return;
    if (desc.typeName === DURATION) {
      if (!isScalar(node) || typeof node.value !== "string" || !/^\d{1,9}(\.\d{1,9})?s$/.test(node.value)) {
        this.#problem(path, "is no duration: write seconds, such as 30s or 0.5s");
      }
      return;
    }
    if (!isMap(node)) {
      this.#problem(path, "must be a block of keys");
      return;
    }
    if (desc.typeName === ANY_JSON) return;
    for (const { key, value } of node.items) {
      const name = String(isScalar(key) ? key.value : key);
      const field = desc.fields.find((one) => one.name === name);
      if (field === undefined) this.#problem(join(path, name), unknownKey(name, desc));
      else this.#field(field, value, join(path, name));
    }
  }

  #field(field: DescField, given: unknown, path: string): void {
    const node = this.#resolve(given);
    if (isEmpty(node)) {
      if (field.fieldKind === "scalar") this.#problem(path, "has no value; leave the key out to take the default");
      return;
    }
    switch (field.fieldKind) {
      case "message":
        this.message(field.message, node, path);
        return;
      case "map":
        if (!isMap(node)) {
          this.#problem(path, "must be a block of names");
          return;
        }
        for (const { key, value } of node.items) {
          const inner = join(path, String(isScalar(key) ? key.value : key));
          if (field.mapKind === "message") this.message(field.message, value, inner);
          else if (field.mapKind === "scalar") this.#scalar(field.scalar, value, inner);
        }
        return;
      case "list":
        if (!isSeq(node)) {
          this.#problem(path, "must be a list");
          return;
        }
        for (const [at, item] of node.items.entries()) {
          if (field.listKind === "scalar") this.#scalar(field.scalar, item, `${path}[${at}]`);
          else if (field.listKind === "message") this.message(field.message, item, `${path}[${at}]`);
        }
        return;
      case "scalar":
        this.#scalar(field.scalar, node, path);
        return;
      case "enum":
        this.#scalar(ScalarType.STRING, node, path);
    }
  }

  #scalar(type: ScalarType, given: unknown, path: string): void {
    const node = this.#resolve(given);
    const value = isScalar(node) ? node.value : undefined;
    switch (type) {
      case ScalarType.STRING:
        if (typeof value !== "string") this.#problem(path, "must be text; put it in quotes");
        return;
      case ScalarType.BOOL:
        if (typeof value !== "boolean") this.#problem(path, "must be true or false");
        return;
      case ScalarType.DOUBLE:
        if (typeof value !== "number" || !Number.isFinite(value)) this.#problem(path, "must be a number");
        return;
      default:
        if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
          this.#problem(path, "must be a whole number that is not negative");
        }
    }
  }

  #resolve(given: unknown): Node | undefined {
    return isAlias(given) ? given.resolve(this.#document) : ((given ?? undefined) as Node | undefined);
  }

  #problem(path: string, message: string): void {
    this.#problems.push({ path, message });
  }
}

function isEmpty(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && (node.value === null || node.value === undefined));
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function unknownKey(name: string, desc: DescMessage): string {
  const names = desc.fields.map((field) => field.name);
  const nearest = names.find((one) => distance(one, name) <= 2);
  return nearest === undefined
    ? `is no known key; known here: ${names.join(", ")}`
    : `is no known key; did you mean ${nearest}?`;
}
