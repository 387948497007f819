/** `sluice.v1.ModelService` on both doors. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type Model, type ModelTarget, ModelTargetSchema } from "../../gen/sluice/v1/model_service_pb.ts";
import { type ListModelsRequestSchema, Modality, ModelService } from "../../src/domain/contract.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

const CONFIG = `
providers:
  openai: { preset: openai }
  azure: { preset: azure-openai, base_url: "https://house.openai.azure.com/openai/v1" }
  house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1" }
models:
  fast: { targets: [house/llama, openai/gpt-4o-mini] }
  own: { targets: [house/unheard-of] }
prices:
  house/llama: { input: 0.1, output: 2, cache_read: 0.01 }
  house/priced: { input: 1, output: 1 }
  openai/*: { discount: 10 }
  azure/prod: { same_as: openai/gpt-4o }
capabilities:
  house/llama:
    { context_window: 8192, max_output_tokens: 1024, input: [text, image], output: [text], tools: true, reasoning: false }
  azure/prod: { same_as: openai/gpt-4o }
`;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway(CONFIG, { environment: { OPENAI_API_KEY: "k", AZURE_OPENAI_API_KEY: "k" } });
});

afterAll(() => gateway.close());

const transports: readonly { name: string; open: () => Transport }[] = [
  { name: "gRPC", open: () => createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }) },
  {
    name: "Connect",
    open: () => createConnectTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "1.1" }),
  },
  {
    name: "gRPC-Web",
    open: () => createGrpcWebTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "1.1" }),
  },
];

const llama: MessageInitShape<typeof ModelTargetSchema> = {
  provider: "house",
  model: "llama",
  contextWindow: 8192,
  maxOutputTokens: 1024,
  inputModalities: [Modality.TEXT, Modality.IMAGE],
  outputModalities: [Modality.TEXT],
  tools: true,
  reasoning: false,
  price: {
    inputNanoUsdPerMillion: 100_000_000n,
    cacheReadNanoUsdPerMillion: 10_000_000n,
    outputNanoUsdPerMillion: 2_000_000_000n,
    priceSource: "config prices.house/llama",
  },
};

describe.each(transports)("over $name", ({ open }) => {
  type Request = MessageInitShape<typeof ListModelsRequestSchema>;

  async function listAll(request: Request = {}): Promise<Model[]> {
    const client = createClient(ModelService, open());
    const models: Model[] = [];
    let pageToken = "";
    do {
      const page = await client.listModels({ ...request, pageToken });
      models.push(...page.models);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return models;
  }

  const namesOf = async (request: Request) => (await listAll(request)).map(({ name }) => name);

  async function refusalOf(request: Request) {
    const error = await createClient(ModelService, open())
      .listModels(request)
      .catch((thrown: unknown) => ConnectError.from(thrown));
    if (!(error instanceof ConnectError)) throw new Error("It was not refused.");
    const [info] = error.findDetails(ErrorInfoSchema);
    const [bad] = error.findDetails(BadRequestSchema);
    return { error, info, fields: bad?.fieldViolations.map(({ field }) => field) };
  }

  test("aliases are listed with their targets, and what is known of each", async () => {
    const [fast, own] = await listAll({ isAlias: true });
    expect(fast).toMatchObject({ name: "fast", isAlias: true });
    expect(fast?.targets.map(({ provider, model }) => `${provider}/${model}`)).toEqual([
      "house/llama",
      "openai/gpt-4o-mini",
    ]);
    expect(fast?.targets[0]).toEqual(create(ModelTargetSchema, llama));
    expect(own?.targets).toEqual([create(ModelTargetSchema, { provider: "house", model: "unheard-of" })]);
  });

  test("models of the catalogue are listed with limits, capabilities and the price that is paid", async () => {
    const [model] = await listAll({ namePrefix: "openai/gpt-4o-mini" });
    expect(model).toMatchObject({ name: "openai/gpt-4o-mini", isAlias: false });
    const [target] = model?.targets ?? [];
    const { price, ...rest } = target as ModelTarget;
    expect(rest).toMatchObject({
      provider: "openai",
      model: "gpt-4o-mini",
      contextWindow: 128_000,
      maxOutputTokens: 16_384,
      inputModalities: expect.arrayContaining([Modality.TEXT, Modality.IMAGE]) as Modality[],
      tools: true,
      structuredOutput: true,
      reasoning: false,
    });
    // 0.15 and 0.60 USD for a million, less a tenth.
    expect(price?.inputNanoUsdPerMillion).toBe(135_000_000n);
    expect(price?.outputNanoUsdPerMillion).toBe(540_000_000n);
    expect(price?.priceSource).toMatch(/^genai-prices .* openai\/gpt-4o-mini, less 10 % by config prices\.openai\/\*$/);
  });

  test("names of deployments are the configuration's", async () => {
    const [model, ...others] = await listAll({ provider: "azure" });
    expect(others).toEqual([]);
    expect(model?.targets[0]).toMatchObject({ model: "prod", contextWindow: 128_000, tools: true });
  });

  test("a provider's models are listed with the aliases that go there", async () => {
    expect(await namesOf({ provider: "house" })).toEqual([
      "fast",
      "house/llama",
      "house/priced",
      "house/unheard-of",
      "own",
    ]);
    expect(await namesOf({ provider: "house", isAlias: false, namePrefix: "house/l" })).toEqual(["house/llama"]);
    expect(await namesOf({ namePrefix: "nothing begins so" })).toEqual([]);
  });

  test("pages of any size come to the same list, sorted, each once", async () => {
    const names = await namesOf({});
    expect(names.length).toBeGreaterThan(50);
    expect(names).toEqual([...new Set(names)].sort());
    expect(await namesOf({ pageSize: 1000 })).toEqual(names);
    expect(await namesOf({ pageSize: 7 })).toEqual(names);
    const exact = await createClient(ModelService, open()).listModels({ pageSize: names.length });
    expect(exact.nextPageToken).toBe("");
  });

  test.each([
    [{ pageSize: 1001 }, "page_size"],
    [{ pageToken: "!" }, "page_token"],
    [{ pageToken: "_w" }, "page_token"],
    [{ provider: "nobody" }, "provider"],
  ])("a request that is wrong is refused with its field: %o", async (request, field) => {
    const { error, info, fields } = await refusalOf(request);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain(field);
    expect(info).toMatchObject({ domain: "sluice", reason: "INVALID_REQUEST" });
    expect(info?.metadata.request_id).toBe(error.metadata.get("sluice-request-id"));
    expect(fields).toEqual([field]);
  });
});
