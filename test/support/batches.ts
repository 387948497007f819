import type { Answer } from "../../src/domain/call.ts";
import type { Batch } from "../../src/domain/event.ts";

/** An answer as its reader sees it: all of its batches, in their order. Who stops reading leaves the answer. */
export async function* batchesOf(answer: Promise<Answer>): AsyncGenerator<Batch> {
  const { first, rest } = await answer;
  try {
    for (let events: Batch | undefined = first; events !== undefined; events = await rest?.next()) yield events;
  } finally {
    rest?.leave();
  }
}
