/** Follows a stream as a front end does, and checks that it is one. */
import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import type { OnStreamFailure, StreamEnd } from "../../src/domain/contract.ts";
import { ask, type TestGateway } from "../support/gateway.ts";

export interface Followed {
  /** `OK`, or the name of the gRPC code. */
  readonly code: string;
  /** Of the blocks that were not to be forgotten. */
  readonly text: string;
  readonly reasoning: string;
  /** Kinds of blocks, by their index. */
  readonly blocks: readonly string[];
  readonly cases: readonly string[];
  readonly end: StreamEnd | undefined;
}

interface Block {
  readonly kind: string;
  readonly since: number;
  text: string;
  open: boolean;
}

/** Asks for a stream, with these wishes. */
export async function follow(
  gateway: TestGateway,
  model: string,
  onStreamFailure: OnStreamFailure,
  prompt: Readonly<Record<string, unknown>> = {},
): Promise<Followed> {
  const asked = ask(model);
  const cases: string[] = [];
  let blocks: Block[] = [];
  let end: StreamEnd | undefined;
  let code = "OK";
  const blockAt = (index: number | undefined): Block => {
    const block = blocks[index ?? -1];
    if (block?.open !== true) throw new Error(`Block ${index} is not open.`);
    return block;
  };
  try {
    const request = { ...asked, prompt: { ...asked.prompt, ...prompt }, handling: { onStreamFailure } };
    for await (const { sequence, event } of gateway.client.stream(request)) {
      expect(sequence).toBe(cases.length + 1);
      cases.push(String(event.case));
      switch (event.case) {
        case "blockStart":
          expect(event.value.index).toBe(blocks.length);
          blocks.push({ kind: String(event.value.block.case), since: sequence, text: "", open: true });
          break;
        case "blockDelta":
          blockAt(event.value.index).text += event.value.text;
          break;
        case "blockEnd":
          blockAt(event.value.index).open = false;
          break;
        case "restart": {
          const from = event.value.discardFromSequence;
          blocks = blocks.filter(({ since }) => since < from);
          break;
        }
        case "end":
          end = event.value;
          break;
        case "start":
        case undefined:
      }
    }
    expect(blocks.filter(({ open }) => open)).toEqual([]);
    expect(cases.filter((one) => one === "start").length).toBe(1);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    code = Code[error.code];
  }
  const said = (kind: string): string =>
    blocks
      .filter((block) => block.kind === kind)
      .map(({ text }) => text)
      .join("");
  return {
    code,
    text: said("text"),
    reasoning: said("reasoning"),
    blocks: blocks.map(({ kind }) => kind),
    cases,
    end,
  };
}

/** How often the answer began anew. */
export function restarts({ cases }: Followed): number {
  return cases.filter((one) => one === "restart").length;
}
