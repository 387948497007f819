import { invalidRequest } from "../domain/error.ts";
import { asRecord, type JsonRecord, parseJson } from "./json.ts";

/** A JSON Schema that came as text. Throws `INVALID_REQUEST` naming the field where it is no object. */
export function parseSchema(json: string, field: string): JsonRecord {
  const schema = asRecord(parseJson(json));
  if (schema === undefined) throw invalidRequest([{ field, description: "is no JSON object" }]);
  return schema;
}
