import type { Behaviour, Play } from "./behaviour.ts";
import { ApiError } from "./errors.ts";
import { faults } from "./faults/table.ts";
import { flaky } from "./flaky.ts";
import { models } from "./models.ts";
import { type OptionDescription, parseModelName } from "./options.ts";

export interface ModelDescription {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionDescription[];
}

const behaviours: ReadonlyMap<string, Behaviour> = new Map(
  [...models, flaky, ...faults].map((behaviour) => [behaviour.name, behaviour]),
);

/** Everything that a model name can ask for; `GET /v1/models` and the docs are made from it. */
export function describeModels(): readonly ModelDescription[] {
  return [...behaviours.values()].map(({ name, description, options }) => ({ name, description, options }));
}

/** Throws an `ApiError`: 404 where there is no such model, 400 where its options are wrong. */
export function preparePlay(model: string): Play {
  const { name, raw } = parseModelName(model);
  const behaviour = behaviours.get(name);
  if (behaviour === undefined) {
    const names = [...behaviours.keys()].join(", ");
    throw new ApiError(404, `The model ${JSON.stringify(name.slice(0, 200))} does not exist; there are: ${names}.`, {
      param: "model",
      code: "model_not_found",
    });
  }
  return behaviour.prepare(raw);
}
