import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { Secret } from "../../src/domain/secret.ts";
import { AwsCredentials, type AwsIdentity } from "../../src/provider/sign/aws-credentials.ts";
import { awsSources } from "../../src/provider/sign/aws-sources.ts";
import { createManualClock } from "../pipeline/manual-clock.ts";
import { answerWith } from "../upstream/raw.ts";

const MINUTE = 60_000;

function identity(accessKeyId: string, expiresAt?: number): AwsIdentity {
  return { accessKeyId, secretAccessKey: new Secret("s"), sessionToken: undefined, expiresAt };
}

/** A source whose answers the test gives one by one. */
function createSource() {
  const waiting: { resolve(found: AwsIdentity | undefined): void; reject(error: Error): void }[] = [];
  let asked = 0;
  return {
    source: () => {
      asked++;
      return new Promise<AwsIdentity | undefined>((resolve, reject) => waiting.push({ resolve, reject }));
    },
    answer: (found: AwsIdentity | undefined) => waiting.shift()?.resolve(found),
    fail: () => waiting.shift()?.reject(new Error("The service is gone.")),
    get asked() {
      return asked;
    },
  };
}

async function reasonOf(promise: Promise<unknown>): Promise<ErrorReason | undefined> {
  return await promise.then(
    () => undefined,
    (error: unknown) => (error instanceof GatewayError ? error.reason : undefined),
  );
}

describe("credentials", () => {
  test("are looked up once for all calls that wait for them", async () => {
    const clock = createManualClock();
    const one = createSource();
    const credentials = new AwsCredentials([one.source], clock);
    const calls = [credentials.get(), credentials.get(), credentials.get()];
    one.answer(identity("A", clock.wallNow() + 60 * MINUTE));
    expect((await Promise.all(calls)).map(({ accessKeyId }) => accessKeyId)).toEqual(["A", "A", "A"]);
    expect([one.asked, clock.timers]).toEqual([1, 0]);
  });

  test("are renewed five minutes before they expire, and nobody waits for that", async () => {
    const clock = createManualClock();
    const one = createSource();
    const credentials = new AwsCredentials([one.source], clock);
    const first = credentials.get();
    one.answer(identity("A", clock.wallNow() + 60 * MINUTE));
    await first;
    clock.advance(55 * MINUTE - 1);
    expect([(await credentials.get()).accessKeyId, one.asked]).toEqual(["A", 1]);
    clock.advance(1);
    expect([(await credentials.get()).accessKeyId, (await credentials.get()).accessKeyId, one.asked]).toEqual([
      "A",
      "A",
      2,
    ]);
    one.answer(identity("B", clock.wallNow() + 60 * MINUTE));
    await vi.waitFor(async () => expect((await credentials.get()).accessKeyId).toBe("B"));
    expect(one.asked).toBe(2);
  });

  test("are waited for once the old ones have expired", async () => {
    const clock = createManualClock();
    const one = createSource();
    const credentials = new AwsCredentials([one.source], clock);
    const first = credentials.get();
    one.answer(identity("A", clock.wallNow() + 10 * MINUTE));
    await first;
    clock.advance(10 * MINUTE);
    const next = credentials.get();
    one.answer(identity("B", clock.wallNow() + 10 * MINUTE));
    expect((await next).accessKeyId).toBe("B");
  });

  test("that still hold are used while they cannot be renewed, which is tried every 30 seconds", async () => {
    const clock = createManualClock();
    const one = createSource();
    const credentials = new AwsCredentials([one.source], clock);
    const first = credentials.get();
    one.answer(identity("A", clock.wallNow() + 10 * MINUTE));
    await first;
    clock.advance(6 * MINUTE);
    expect((await credentials.get()).accessKeyId).toBe("A");
    one.fail();
    await vi.waitFor(() => expect(clock.timers).toBe(0));
    await Promise.resolve();
    expect([(await credentials.get()).accessKeyId, one.asked]).toEqual(["A", 2]);
    clock.advance(30_000);
    expect([(await credentials.get()).accessKeyId, one.asked]).toEqual(["A", 3]);
  });

  test("that live shortly are renewed after half of their life", async () => {
    const clock = createManualClock();
    const one = createSource();
    const credentials = new AwsCredentials([one.source], clock);
    const first = credentials.get();
    one.answer(identity("A", clock.wallNow() + 2 * MINUTE));
    await first;
    clock.advance(MINUTE - 1);
    await credentials.get();
    expect(one.asked).toBe(1);
    clock.advance(1);
    await credentials.get();
    expect(one.asked).toBe(2);
  });

  test("come from the first source that has some", async () => {
    const clock = createManualClock();
    const sources = [() => Promise.resolve(undefined), () => Promise.resolve(identity("B"))];
    expect((await new AwsCredentials(sources, clock).get()).accessKeyId).toBe("B");
  });

  test("that are nowhere are the operator's to give; those that do not come in time may come later", async () => {
    const clock = createManualClock();
    expect(await reasonOf(new AwsCredentials([() => Promise.resolve(undefined)], clock).get())).toBe(
      ErrorReason.UPSTREAM_UNAUTHENTICATED,
    );
    const one = createSource();
    const slow = new AwsCredentials([one.source], clock);
    const waiting = reasonOf(slow.get());
    clock.advance(15_000);
    expect(await waiting).toBe(ErrorReason.UPSTREAM_TIMEOUT);
    const again = reasonOf(slow.get());
    one.fail();
    one.fail();
    expect([await again, one.asked]).toEqual([ErrorReason.UPSTREAM_UNAUTHENTICATED, 2]);
  });
});

describe("sources", () => {
  afterEach(() => vi.unstubAllEnvs());

  function file(name: string, text: string): string {
    const folder = mkdtempSync(join(tmpdir(), "sluice-aws-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  const CREDENTIALS = `
# people's keys
[default]
aws_access_key_id = AKIA1
aws_secret_access_key=s1/+=

[ staging ]
aws_access_key_id = AKIA2
aws_secret_access_key = s2
aws_session_token = t2
`;
  const CONFIG = `
[default]
region = us-east-1
s3 =
  aws_access_key_id = NOT-THIS
[profile  ops]
aws_access_key_id = AKIA3
aws_secret_access_key = s3
`;

  async function find(profile: string | undefined) {
    const credentialsFile = file("credentials", CREDENTIALS);
    const configFile = file("config", CONFIG);
    const [shared] = awsSources({ profile, key: undefined, credentialsFile, configFile });
    const found = await shared?.();
    return found && [found.accessKeyId, found.secretAccessKey.reveal(), found.sessionToken?.reveal()];
  }

  test("are the keys of the environment alone, where they are given", async () => {
    const key = { accessKeyId: "A", secretAccessKey: new Secret("s"), sessionToken: undefined };
    const sources = awsSources({ profile: undefined, key, credentialsFile: undefined, configFile: undefined });
    expect([sources.length, (await sources[0]?.())?.accessKeyId]).toEqual([1, "A"]);
  });

  test.each([
    [undefined, ["AKIA1", "s1/+=", undefined]],
    ["staging", ["AKIA2", "s2", "t2"]],
    ["ops", ["AKIA3", "s3", undefined]],
    ["nobody", undefined],
  ])("are the shared files, profile %s", async (profile, expected) => {
    expect(await find(profile)).toEqual(expected);
  });

  test("leave a profile with a role to the SDK, and files that are missing alone", async () => {
    const text = "[default]\naws_access_key_id = A\naws_secret_access_key = s\nrole_arn = arn:aws:iam::1:role/r\n";
    const settings = { profile: undefined, key: undefined, configFile: "/nowhere/config" };
    const [shared] = awsSources({ ...settings, credentialsFile: file("credentials", text) });
    const [missing] = awsSources({ ...settings, credentialsFile: "/nowhere/credentials" });
    expect([await shared?.(), await missing?.()]).toEqual([undefined, undefined]);
  });

  test("are at last the SDK's: a container's, for one", async () => {
    const expiration = new Date(Date.now() + 3_600_000);
    const server = await answerWith((request, response) => {
      response.setHeader("content-type", "application/json");
      const granted = request.headers.authorization === "t0ken";
      response.statusCode = granted ? 200 : 403;
      response.end(
        JSON.stringify({ AccessKeyId: "ASIA", SecretAccessKey: "s", Token: "t", Expiration: expiration.toISOString() }),
      );
    });
    for (const name of ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials");
    vi.stubEnv("AWS_CONFIG_FILE", "/nowhere/config");
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `http://127.0.0.1:${server.port}/keys`);
    vi.stubEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t0ken");
    const sources = awsSources({
      profile: undefined,
      key: undefined,
      credentialsFile: "/nowhere/credentials",
      configFile: "/nowhere/config",
    });
    const found = await new AwsCredentials(sources, createManualClock(Date.now())).get();
    expect([found.accessKeyId, found.secretAccessKey.reveal(), found.sessionToken?.reveal(), found.expiresAt]).toEqual([
      "ASIA",
      "s",
      "t",
      expiration.getTime(),
    ]);
  });
});
