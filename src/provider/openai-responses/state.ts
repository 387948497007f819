import type { ProviderState } from "../../domain/contract.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";

/**
 * What the next turn must give back, kept on the parts of an answer. An item that has no form in the contract (calls of
 * hosted tools), or must come back byte for byte (reasoning), is kept whole. Of a message or a call only what the part
 * itself does not say: its id, its phase, its annotations.
 */
export function keepWhole(dialect: string, item: JsonRecord): ProviderState {
  return state(dialect, item, JSON.stringify(item));
}

/** Fields of a message that its text part says, or that each has alike. */
const MESSAGE_FIELDS = new Set(["type", "id", "role", "content"]);
/** Logprobs went out as they came, and are not wanted back. */
const TEXT_FIELDS = new Set(["text", "refusal", "logprobs"]);
/** The last two are events' fields that one server leaves in its items (recorded 2026-11). */
const CALL_FIELDS = new Set(["type", "id", "call_id", "name", "arguments", "item_id", "output_index"]);

export function keepText(dialect: string, item: JsonRecord, part: JsonRecord): ProviderState | undefined {
  const ofItem = rest(item, MESSAGE_FIELDS, { status: "completed" });
  const ofPart = rest(part, TEXT_FIELDS, { type: "output_text" });
  const kept = { ...(ofItem === undefined ? {} : { item: ofItem }), ...(ofPart === undefined ? {} : { part: ofPart }) };
  return keep(dialect, item, kept);
}

/** Its bytes are the part's. */
export function keepPicture(dialect: string, { result: _result, ...item }: JsonRecord): ProviderState {
  return keepWhole(dialect, item);
}

export function keepCall(dialect: string, item: JsonRecord): ProviderState | undefined {
  return keep(dialect, item, rest(item, CALL_FIELDS, { status: "completed" }) ?? {});
}

/** A part's state, if it is this dialect's own; `data` is empty where it holds none. */
export function readOwn(
  given: ProviderState | undefined,
  dialect: string,
): { readonly id: string; readonly data: JsonRecord } | undefined {
  if (given === undefined || given.dialect !== dialect) return undefined;
  return { id: given.id, data: asRecord(parseJson(given.data)) ?? {} };
}

/** Items that are no answer's own: a forged state could name what others have stored. */
const FOREIGN = new Set(["item_reference", "message", "function_call", "function_call_output"]);

/**
 * Whether an item that was kept whole can be given back. Reasoning that is neither encrypted nor open is only an id,
 * which the provider knows as long as it stores the answer.
 */
export function canReturn(item: JsonRecord, stored: boolean): boolean {
  const type = asString(item.type);
  if (type !== "reasoning") return type !== undefined && !FOREIGN.has(type);
  return stored || Boolean(item.encrypted_content) || asArray(item.content).length > 0;
}

function keep(dialect: string, item: JsonRecord, data: JsonRecord): ProviderState | undefined {
  const empty = Object.keys(data).length === 0;
  return empty && !asString(item.id) ? undefined : state(dialect, item, empty ? "" : JSON.stringify(data));
}

function state(dialect: string, item: JsonRecord, data: string): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect, id: asString(item.id) ?? "", data };
}

/** What a record says beyond known fields, usual values and nothing at all. */
function rest(record: JsonRecord, known: ReadonlySet<string>, usual: JsonRecord): JsonRecord | undefined {
  const entries = Object.entries(record).filter(
    ([name, value]) =>
      !known.has(name) &&
      value !== null &&
      value !== usual[name] &&
      !(name === "annotations" && asArray(value).length === 0),
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
