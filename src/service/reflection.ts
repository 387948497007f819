import {
  create,
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescService,
  fromBinary,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { type DescriptorProto, type EnumDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection as ReflectionV1,
  ServerReflectionRequestSchema as RequestV1,
  ServerReflectionResponseSchema as ResponseV1,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as ReflectionV1Alpha,
  ServerReflectionRequestSchema as RequestV1Alpha,
  ServerReflectionResponseSchema as ResponseV1Alpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Code } from "../domain/reasons.ts";
import { type BoundService, bind } from "./context.ts";

type Answer = ServerReflectionResponse["messageResponse"];

/** `grpc.reflection`, v1 and v1alpha, over these services: tools then need no schema at hand. */
export function createReflectionServices(services: readonly DescService[]): BoundService[] {
  const index = new DescriptorIndex([...services, ReflectionV1, ReflectionV1Alpha]);
  return [
    bind(ReflectionV1, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) yield index.respond(request);
      },
    }),
    // The two versions differ in nothing but the package's name: their bytes are the same.
    bind(ReflectionV1Alpha, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          const response = index.respond(fromBinary(RequestV1, toBinary(RequestV1Alpha, request)));
          yield fromBinary(ResponseV1Alpha, toBinary(ResponseV1, response));
        }
      },
    }),
  ];
}

class DescriptorIndex {
  readonly #services: readonly string[];
  readonly #registry: Registry;
  readonly #files = new Map<string, DescFile>();
  /** The file of everything that has a name: types, and the fields, values and methods inside them. */
  readonly #symbols = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#services = services.map((service) => service.typeName).sort();
    for (const service of services) this.#add(service.file);
    this.#registry = createRegistry(...this.#files.values());
    for (const file of this.#files.values()) for (const name of namesOf(file)) this.#symbols.set(name, file);
  }

  respond(request: ServerReflectionRequest): ServerReflectionResponse {
    return create(ResponseV1, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: this.#answer(request.messageRequest),
    });
  }

  #answer(asked: ServerReflectionRequest["messageRequest"]): Answer {
    switch (asked.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: {
            $typeName: "grpc.reflection.v1.ListServiceResponse",
            service: this.#services.map((name) => ({ $typeName: "grpc.reflection.v1.ServiceResponse", name })),
          },
        };
      case "fileByFilename":
        return files(this.#files.get(asked.value), `no file ${asked.value}`);
      case "fileContainingSymbol":
        return files(this.#symbols.get(asked.value), `no symbol ${asked.value}`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = asked.value;
        const extension = this.#extensionsOf(containingType).find(({ number }) => number === extensionNumber);
        return files(extension?.file, `no extension ${extensionNumber} of ${containingType}`);
      }
      case "allExtensionNumbersOfType":
        if (this.#registry.getMessage(asked.value) === undefined) return notFound(`no message ${asked.value}`);
        return {
          case: "allExtensionNumbersResponse",
          value: {
            $typeName: "grpc.reflection.v1.ExtensionNumberResponse",
            baseTypeName: asked.value,
            extensionNumber: this.#extensionsOf(asked.value).map(({ number }) => number),
          },
        };
      default:
        return error(Code.INVALID_ARGUMENT, "the request asks for nothing");
    }
  }

  #extensionsOf(typeName: string): DescExtension[] {
    return [...this.#registry].flatMap((type) =>
      type.kind === "extension" && type.extendee.typeName === typeName ? [type] : [],
    );
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }
}

/** A file with all that it imports: tools may ask for one and expect the rest. */
function files(file: DescFile | undefined, missing: string): Answer {
  if (file === undefined) return notFound(missing);
  const all = new Set<DescFile>();
  const add = (one: DescFile): void => {
    if (all.has(one)) return;
    one.dependencies.forEach(add);
    all.add(one);
  };
  add(file);
  return {
    case: "fileDescriptorResponse",
    value: {
      $typeName: "grpc.reflection.v1.FileDescriptorResponse",
      // The file that was asked for comes first, then what it imports.
      fileDescriptorProto: [...all].reverse().map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
    },
  };
}

/** Everything in a file that has a name. */
function namesOf({ proto }: DescFile): string[] {
  const inPackage = (name: string): string => (proto.package === "" ? name : `${proto.package}.${name}`);
  const ofMessage = (message: DescriptorProto, name: string): string[] => [
    name,
    ...[...message.field, ...message.oneofDecl, ...message.extension].map((inner) => `${name}.${inner.name}`),
    ...message.nestedType.flatMap((inner) => ofMessage(inner, `${name}.${inner.name}`)),
    ...message.enumType.flatMap((inner) => ofEnum(inner, `${name}.`)),
  ];
  // Values are named beside their enum, as in C.
  const ofEnum = ({ name, value }: EnumDescriptorProto, scope: string): string[] =>
    [name, ...value.map((one) => one.name)].map((one) => scope + one);
  return [
    ...proto.messageType.flatMap((message) => ofMessage(message, inPackage(message.name))),
    ...proto.enumType.flatMap((one) => ofEnum(one, inPackage(""))),
    ...proto.extension.map(({ name }) => inPackage(name)),
    ...proto.service.flatMap(({ name, method }) =>
      [name, ...method.map((one) => `${name}.${one.name}`)].map(inPackage),
    ),
  ];
}

function notFound(message: string): Answer {
  return error(Code.NOT_FOUND, message);
}

function error(errorCode: number, errorMessage: string): Answer {
  return {
    case: "errorResponse",
    value: { $typeName: "grpc.reflection.v1.ErrorResponse", errorCode, errorMessage: errorMessage.toWellFormed() },
  };
}
