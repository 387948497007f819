import { composeAnswer } from "./answers.ts";
import type { Behaviour } from "./behaviour.ts";
import { ApiError } from "./errors.ts";
import { faults } from "./faults/table.ts";
import { count, describeOptions, readOptions, text } from "./options.ts";
import { sendAnswer } from "./send.ts";
import { fixedWords } from "./tokens.ts";

const options = {
  fail: count("how many calls fail first", 1),
  fault: text(
    "the fault by which they fail, without `fault.`; options of that fault may follow, e.g. `status`",
    "error-status",
  ),
};

/** Fails, then answers. Counted for each whole model name, so that tests with different names do not meet. */
export const flaky: Behaviour = {
  name: "flaky",
  description: "fails the first calls that use this exact model name, then says a fixed text",
  options: describeOptions(options),
  prepare(raw) {
    const { fail, fault } = readOptions(options, raw);
    const chosen = faults.find(({ name }) => name === `fault.${fault}`);
    if (chosen === undefined) {
      throw new ApiError(400, `There is no fault ${JSON.stringify(fault)}.`, {
        param: "model",
        code: "invalid_model_option",
      });
    }
    const play = chosen.prepare(new Map([...raw].filter(([key]) => !Object.hasOwn(options, key))));
    return (exchange) => {
      const key = `flaky ${exchange.request.model}`;
      const failed = exchange.memory.get(key) ?? 0;
      if (failed >= fail) {
        return sendAnswer(exchange, composeAnswer(exchange.request, { content: fixedWords(10) }), { ttft: 0, rate: 0 });
      }
      exchange.memory.set(key, failed + 1);
      return play(exchange);
    };
  },
};
