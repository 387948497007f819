import { fromJson } from "@bufbuild/protobuf";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { PROVIDER } from "./asked.ts";
import type { Group } from "./feature.ts";

const prompt = fromJson(PromptSchema, {
  model: "x/m",
  messages: [{ role: "ROLE_USER", parts: [{ text: "Hello" }] }],
});

/** Who counts a prompt's tokens. */
export const countTable: Group = {
  title: "Token counts",
  text: "`CountTokens` asks the provider where it counts for the model, and estimates where it does not: then nobody is asked.",
  features: [
    {
      name: "counted by the provider",
      probe: ({ model }, { counter }) => {
        const asks = counter?.encode(prompt, { provider: PROVIDER, model }) !== undefined;
        return { answer: asks ? "yes" : "no", notes: [] };
      },
    },
  ],
};
