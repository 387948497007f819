/** What may follow a name: a date, a version, a variant. */
const END = "(?=@|:|-\\d{8}|-v\\d|-latest|$)";

/**
 * Claude up to 4.5 goes on with an assistant message at the end of a prompt; from 4.6 on it refuses one. Sources: Claude
 * API docs, "Prefill Claude's response", "What's new in Claude 4.6" and the migration guide, read 2026-11.
 */
const PREFILLED = new RegExp(`claude-(v?2|instant|3)|claude-(opus|sonnet|haiku)-4(-[015])?${END}`);

/** Whether a Claude goes on with an answer that it is given the beginning of. Not while it thinks. */
export function takesPrefill(model: string): boolean {
  return PREFILLED.test(model.toLowerCase().replaceAll(".", "-"));
}
