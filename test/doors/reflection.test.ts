/** Server reflection: tools that hold no schema find all of it, on both doors. */
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway("");
});

afterAll(() => gateway.close());

type Asked = NonNullable<ServerReflectionRequest["messageRequest"]>;
type Answered = ServerReflectionResponse["messageResponse"];

const ways = [
  { version: "v1", door: "gRPC", service: ReflectionV1 },
  { version: "v1alpha", door: "gRPC", service: ReflectionV1Alpha },
  { version: "v1", door: "HTTP", service: ReflectionV1 },
  { version: "v1alpha", door: "HTTP", service: ReflectionV1Alpha },
] as const;

describe.each(ways)("$version on the $door door", ({ version, door, service }) => {
  /** Asks all in one stream; resolves with the answers in order. */
  async function ask(...requests: Asked[]): Promise<Answered[]> {
    const transport =
      door === "gRPC"
        ? createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` })
        : createConnectTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "2" });
    async function* messages() {
      for (const messageRequest of requests) yield { host: "h", messageRequest };
    }
    const answers: Answered[] = [];
    // The versions differ in the package's name only.
    const client = createClient(service as typeof ReflectionV1, transport);
    for await (const { validHost, originalRequest, messageResponse } of client.serverReflectionInfo(
      messages() as never,
    )) {
      expect([validHost, originalRequest?.messageRequest]).toEqual(["h", requests[answers.length]]);
      answers.push(messageResponse);
    }
    return answers;
  }

  async function filesOf(asked: Asked): Promise<FileDescriptorProto[]> {
    const [answer] = await ask(asked);
    if (answer?.case !== "fileDescriptorResponse") throw new Error(`the answer is ${JSON.stringify(answer)}`);
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  test("lists the services", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    expect(answer?.case === "listServicesResponse" ? answer.value.service.map(({ name }) => name) : answer).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "sluice.v1.EmbeddingService",
      "sluice.v1.GatewayService",
      "sluice.v1.ModelService",
    ]);
  });

  test.each([
    { kind: "service", symbol: "sluice.v1.GatewayService", file: "sluice/v1/gateway_service.proto" },
    { kind: "method", symbol: "sluice.v1.GatewayService.Stream", file: "sluice/v1/gateway_service.proto" },
    { kind: "message", symbol: "sluice.v1.Prompt", file: "sluice/v1/prompt.proto" },
    { kind: "field", symbol: "sluice.v1.Prompt.temperature", file: "sluice/v1/prompt.proto" },
    { kind: "oneof", symbol: "sluice.v1.Part.content", file: "sluice/v1/chat.proto" },
    { kind: "enum", symbol: "sluice.v1.Role", file: "sluice/v1/chat.proto" },
    { kind: "enum value", symbol: "sluice.v1.ROLE_USER", file: "sluice/v1/chat.proto" },
    { kind: "nested map entry", symbol: "sluice.v1.Attribution.MetadataEntry", file: "sluice/v1/attribution.proto" },
    { kind: "extension", symbol: "buf.validate.field", file: "buf/validate/validate.proto" },
    { kind: "well-known type", symbol: "google.protobuf.Duration", file: "google/protobuf/duration.proto" },
    { kind: "service's own", symbol: service.typeName, file: service.file.proto.name },
  ])("finds the file of a $kind: $symbol", async ({ symbol, file }) => {
    const files = await filesOf({ case: "fileContainingSymbol", value: symbol });
    expect(files[0]?.name).toBe(file);
  });

  test.each([
    "sluice.v1.GatewayService",
    "sluice.v1.EmbeddingService",
    "sluice.v1.ModelService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ])("serves %s with all that it imports", async (name) => {
    const file = await filesOf({ case: "fileContainingSymbol", value: name });
    expect(new Set(file.map((one) => one.name)).size).toBe(file.length);
    const set = create(FileDescriptorSetSchema, { file: [...file].reverse() });
    const found = createFileRegistry(set).getService(name);
    expect(found?.methods.every(({ input, output }) => input.fields.length >= 0 && output.fields.length >= 0)).toBe(
      true,
    );
  });

  test("serves every imported file by its name", async () => {
    const files = await filesOf({ case: "fileContainingSymbol", value: "sluice.v1.GatewayService" });
    const imported = new Set(files.flatMap(({ dependency }) => dependency));
    expect([...imported].sort()).toContain("google/protobuf/struct.proto");
    const answers = await ask(...[...imported].map((value): Asked => ({ case: "fileByFilename", value })));
    expect(answers.map((answer) => answer?.case)).toEqual([...imported].map(() => "fileDescriptorResponse"));
  });

  test("knows the extensions of the options that the contract uses", async () => {
    const [numbers, file, none] = await ask(
      { case: "allExtensionNumbersOfType", value: "google.protobuf.FieldOptions" },
      {
        case: "fileContainingExtension",
        value: {
          $typeName: `grpc.reflection.${version}.ExtensionRequest`,
          containingType: "google.protobuf.FieldOptions",
          extensionNumber: 1159,
        },
      } as Asked,
      {
        case: "fileContainingExtension",
        value: {
          $typeName: `grpc.reflection.${version}.ExtensionRequest`,
          containingType: "google.protobuf.FieldOptions",
          extensionNumber: 7,
        },
      } as Asked,
    ).catch((error: unknown) => {
      throw error;
    });
    expect(numbers).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "google.protobuf.FieldOptions", extensionNumber: [1159, 1160] },
    });
    expect(file?.case).toBe("fileDescriptorResponse");
    expect(none).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
  });

  test("says NOT_FOUND for what is not there, and answers the next question of the stream", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "sluice.v1.Nope" },
      { case: "fileContainingSymbol", value: "sluice.v1.Prompt.nope" },
      { case: "fileContainingSymbol", value: "" },
      { case: "fileByFilename", value: "nope.proto" },
      { case: "allExtensionNumbersOfType", value: "sluice.v1.Nope" },
      { case: "fileByFilename", value: "sluice/v1/chat.proto" },
    );
    const short = answers.map((answer) =>
      answer?.case === "errorResponse" ? [answer.value.errorCode, answer.value.errorMessage] : answer?.case,
    );
    expect(short).toEqual([
      [5, "no symbol sluice.v1.Nope"],
      [5, "no symbol sluice.v1.Prompt.nope"],
      [5, "no symbol "],
      [5, "no file nope.proto"],
      [5, "no message sluice.v1.Nope"],
      "fileDescriptorResponse",
    ]);
  });
});
