/** The administration's own listener: every protocol on one port, and who is kept away from it. */

import { once } from "node:events";
import * as net from "node:net";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { AdminService } from "../../gen/sluice/admin/v1/admin_service_pb.ts";
import { ConfigError } from "../../src/config/problem.ts";
import type { AdminListener } from "../../src/config/settings.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type Certificates, createCertificates } from "./certificates.ts";
import { post } from "./wire.ts";

const anyPort = { address: "127.0.0.1:0", isAsked: true };

async function serve(admin: AdminListener | undefined, yaml = "", insecure = false): Promise<TestGateway> {
  const gateway = await startGateway(yaml, { settings: { admin }, insecure });
  onTestFinished(() => gateway.close());
  return gateway;
}

const ways: readonly { name: string; open: (baseUrl: string) => Transport }[] = [
  { name: "gRPC", open: (baseUrl) => createGrpcTransport({ baseUrl }) },
  { name: "gRPC-Web", open: (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }) },
  { name: "Connect over HTTP/1.1", open: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }) },
  { name: "Connect over HTTP/2", open: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }) },
];

describe.each(ways)("over $name", ({ open }) => {
  let gateway: TestGateway;
  let transport: Transport;

  beforeAll(async () => {
    gateway = await startGateway("", { settings: { admin: anyPort } });
    transport = open(`http://${gateway.adminAddress}`);
  });

  afterAll(() => gateway.close());

  test("answers, and says that it serves", async () => {
    const admin = createClient(AdminService, transport);
    expect((await admin.getConfig({})).yaml).toBe("{}\n");
    const health = createClient(Health, transport);
    expect((await health.check({ service: AdminService.typeName })).status).toBe(Status.SERVING);
  });

  test("names the wrong field in the usual details", async () => {
    const admin = createClient(AdminService, transport);
    const error = await admin
      .setTarget({ target: "nowhere/m", takenOut: true })
      .catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: 'target: no provider "nowhere" is configured; there are none',
    });
    const [details] = (error as ConnectError).findDetails(BadRequestSchema);
    expect(details?.fieldViolations.map(({ field }) => field)).toEqual(["target"]);
  });

  test("the callers' doors know nothing of it", async () => {
    for (const address of [gateway.grpcAddress, gateway.httpAddress]) {
      const admin = createClient(AdminService, open(`http://${address}`));
      await expect(admin.listTargets({})).rejects.toThrow();
    }
  });
});

test("a client of grpc-js gets answers and errors", async () => {
  const gateway = await serve(anyPort);
  const client = new grpc.Client(String(gateway.adminAddress), grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  const ask = (method: string, request: Buffer): Promise<Buffer | grpc.ServiceError> =>
    new Promise((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      const path = `/${AdminService.typeName}/${method}`;
      client.makeUnaryRequest(path, same, same, request, (error, answer) => resolve(error ?? answer ?? Buffer.of()));
    });
  expect(await ask("ListTargets", Buffer.of())).toEqual(Buffer.of());
  expect(await ask("SetTarget", Buffer.of())).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  expect(await ask("ListTargets", Buffer.of(0xff))).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
});

test("is closed to pages in browsers, wherever they say that they come from", async () => {
  const gateway = await serve(anyPort, "listen: { cors_origins: ['*'] }");
  const { adminAddress = "" } = gateway;
  const path = `/${AdminService.typeName}/ListTargets`;
  const answered = await post(adminAddress, path, "{}");
  const refused = await post(adminAddress, path, "{}", { origin: `http://${adminAddress}` });
  expect([answered.status, refused.status]).toEqual([200, 403]);
});

describe("an address that others can reach", () => {
  const anywhere = { address: "0.0.0.0:0", isAsked: true };
  let certificates: Certificates;

  beforeAll(() => {
    certificates = createCertificates();
  });

  afterAll(() => certificates.remove());

  const tlsOf = (mutual: boolean): string =>
    `listen: { tls: { cert_file: ${certificates.file("server.pem")}, key_file: ${certificates.file("server.key")}${
      mutual ? `, client_ca_file: ${certificates.file("ca.pem")}` : ""
    } } }`;

  test.each([false, true])("is refused without certificates of clients (TLS: %j)", async (secure) => {
    const failure = await serve(anywhere, secure ? tlsOf(false) : "").catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as ConfigError).problems).toEqual([
      {
        path: "listen.admin",
        message:
          "0.0.0.0:0 can be reached from other machines: configure listen.tls with client_ca_file, or start with --insecure",
      },
    ]);
  });

  test("is taken where the operator insists", async () => {
    const gateway = await serve(anywhere, "", true);
    expect(gateway.adminAddress).toMatch(/^0\.0\.0\.0:[1-9]\d*$/);
  });

  test("is taken with certificates of clients, whose subject the log then tells", async () => {
    const gateway = await serve(anywhere, tlsOf(true));
    const baseUrl = `https://127.0.0.1:${gateway.adminAddress?.split(":")[1]}`;
    const { ca, client, stranger } = certificates;
    const clientOf = (pair: object): Client<typeof AdminService> =>
      createClient(AdminService, createGrpcTransport({ baseUrl, nodeOptions: { ca, ...pair } }));
    await clientOf(client).reload({});
    await expect(clientOf({}).reload({})).rejects.toThrow();
    await expect(clientOf(stranger).reload({})).rejects.toThrow();
    expect(gateway.logged.filter(({ msg }) => msg === "administered")).toEqual([
      expect.objectContaining({
        action: "reload",
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        subject: "CN=client",
      }),
    ]);
  });
});

describe("an address that is taken", () => {
  async function occupy(): Promise<string> {
    const holder = net.createServer();
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    onTestFinished(() => void holder.close());
    return `127.0.0.1:${(holder.address() as net.AddressInfo).port}`;
  }

  test("fails the start where it was asked for", async () => {
    await expect(serve({ address: await occupy(), isAsked: true })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("gives way to a free port where it is the default, with a warning", async () => {
    const address = await occupy();
    const gateway = await serve({ address, isAsked: false });
    expect(gateway.adminAddress).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(gateway.adminAddress).not.toBe(address);
    expect(gateway.logged).toContainEqual(expect.objectContaining({ level: "warn", address }));
  });
});

test("there is none where it is off", async () => {
  expect((await serve(undefined)).adminAddress).toBe(undefined);
});
