import { invalidRequest } from "../domain/error.ts";
import { asRecord, type JsonRecord, parseJson } from "./json.ts";

/** A JSON Schema that came as text. Throws `INVALID_REQUEST` naming the field where it is no object. */
export function parseSchema(json: string, field: string): JsonRecord {
  const schema = asRecord(parseJson(json));
  if (schema === undefined) throw invalidRequest([{ field, description: "is no JSON object" }]);
  return schema;
}

/**
 * The schema of an answer, for a wire that has no other place to describe it. What the schema says of itself stands
 * before what the format says.
 */
export function describeSchema(
  { description, schemaJson }: { readonly description: string; readonly schemaJson: string },
  field: string,
): JsonRecord {
  const schema = parseSchema(schemaJson, `${field}.schema_json`);
  if (description === "" || schema.description === description) return schema;
  const own = schema.description;
  return { ...schema, description: typeof own === "string" ? `${own}\n${description}` : description };
}
