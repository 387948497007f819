import { create } from "@bufbuild/protobuf";
import {
  type CountTokensRequest,
  CountTokensRequestSchema,
  type ListModelsRequest,
  ListModelsRequestSchema,
  type ListModelsResponse,
  ListModelsResponseSchema,
  ModelService,
  type ModelTarget,
} from "../domain/contract.ts";
import { invalidRequest } from "../domain/error.ts";
import {
  type AdmitOptions,
  checkUnrouted,
  createAdmit,
  createLookUp,
  factsOf,
  type Operations,
  type Rpc,
} from "./admit.ts";
import type { ServiceObject } from "./context.ts";
import { validate, validateRoles } from "./validate.ts";

/** A name that can be called, with where its calls go. */
export interface ListedModel {
  readonly name: string;
  readonly isAlias: boolean;
  readonly targets: readonly { readonly provider: string; readonly model: string }[];
}

/** All that can be called. */
export interface ModelDirectory {
  /** Names of the configured providers. */
  readonly providers: ReadonlySet<string>;
  /** Sorted by their names, each once. */
  models(): readonly ListedModel[];
  /** What is known of a target now. */
  describe(target: ListedModel["targets"][number]): ModelTarget;
}

const DEFAULT_PAGE_SIZE = 100;

export const modelOperations: Operations = {
  [ModelService.method.countTokens.name]: "count_tokens",
  [ModelService.method.listModels.name]: "list_models",
};

const countRpc: Rpc<CountTokensRequest, { readonly prompt: NonNullable<CountTokensRequest["prompt"]> }> = {
  ...factsOf(ModelService.method.countTokens, modelOperations),
  check(request) {
    validate(CountTokensRequestSchema, request);
    validateRoles(request.prompt?.messages ?? []);
    checkUnrouted(request.handling);
  },
  asked: ({ prompt }) => ({ model: prompt?.model ?? "", what: prompt === undefined ? undefined : { prompt } }),
};

const listing = factsOf(ModelService.method.listModels, modelOperations);

export interface ModelServiceOptions extends AdmitOptions {
  /** That of the configuration in force. */
  readonly directory: () => ModelDirectory;
}

/** `sluice.v1.ModelService`. */
export function createModelService(options: ModelServiceOptions): ServiceObject<typeof ModelService> {
  const admit = createAdmit(options);
  const lookUp = createLookUp(options);
  return {
    async countTokens(request, context) {
      const { call, plan, close } = admit(countRpc, request, context);
      try {
        return await plan.count(call);
      } finally {
        close();
      }
    },

    async listModels(request, context) {
      return lookUp(listing, context, () => list(request, options.directory()));
    },
  };
}

function list(request: ListModelsRequest, directory: ModelDirectory): ListModelsResponse {
  validate(ListModelsRequestSchema, request);
  const after = readToken(request.pageToken);
  const matches = matcherOf(request, directory);
  const found = directory.models().filter((model) => model.name > after && matches(model));
  const page = found.slice(0, request.pageSize || DEFAULT_PAGE_SIZE);
  const last = page.at(-1);
  return create(ListModelsResponseSchema, {
    models: page.map(({ name, isAlias, targets }) => ({
      name,
      isAlias,
      targets: targets.map((target) => directory.describe(target)),
    })),
    nextPageToken: last === undefined || page.length === found.length ? "" : writeToken(last.name),
  });
}

function matcherOf(
  { provider, namePrefix, isAlias }: ListModelsRequest,
  { providers }: ModelDirectory,
): (model: ListedModel) => boolean {
  if (provider !== "" && !providers.has(provider)) {
    const names = [...providers].slice(0, 8).map((name) => JSON.stringify(name));
    const hint = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
    const others = providers.size > names.length ? " and others" : "";
    throw invalidRequest([
      { field: "provider", description: `no provider of this name is configured; ${hint}${others}` },
    ]);
  }
  return (model) =>
    model.name.startsWith(namePrefix) &&
    (isAlias === undefined || model.isAlias === isAlias) &&
    (provider === "" || model.targets.some((target) => target.provider === provider));
}

/** The next page begins after a name, so that it is right even where the configuration changed meanwhile. */
function writeToken(lastName: string): string {
  return Buffer.from(lastName).toString("base64url");
}

function readToken(token: string): string {
  const name = Buffer.from(token, "base64url").toString();
  if (writeToken(name) === token) return name;
  throw invalidRequest([
    { field: "page_token", description: "is none of this service; give the next_page_token of the answer before" },
  ]);
}
