import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  CompleteRequestSchema,
  CountTokensRequestSchema,
  EmbedRequestSchema,
  Role,
  StreamRequestSchema,
} from "../domain/contract.ts";
import { validate } from "./validate.ts";

const said = { attribution: { feature: "warm-up", metadata: { a: "b" } }, handling: {} };

const asked = {
  ...said,
  prompt: {
    model: "m",
    messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: "t" } }] }],
    tools: [{ name: "t" }],
  },
};

/**
 * Runs every request's rules once, so that no caller waits for the validator to compile them (about 0.1 s).
 * Throws where a rule itself is wrong.
 */
export function warmUp(): void {
  run(CompleteRequestSchema, asked);
  run(StreamRequestSchema, asked);
  run(CountTokensRequestSchema, asked);
  run(EmbedRequestSchema, { ...said, input: { model: "m", texts: ["t"] } });
}

function run<D extends DescMessage>(schema: D, request: MessageInitShape<D>): void {
  validate(schema, create(schema, request));
}
