import { readFile } from "node:fs/promises";
import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import { Secret } from "../../domain/secret.ts";
import type { AwsIdentity, AwsSource } from "./aws-credentials.ts";

export interface AwsSettings {
  /** Undefined leaves it to the default. */
  readonly profile: string | undefined;
  /** Keys from the environment; where they are given, nothing else is asked. */
  readonly key: Omit<AwsIdentity, "expiresAt"> | undefined;
  /** The shared files; undefined where there is no home to look in. */
  readonly credentialsFile: string | undefined;
  readonly configFile: string | undefined;
}

/**
 * Where to look, in order: keys of the environment, or else the shared files, or else what the AWS SDK's own chain
 * finds (roles, SSO, processes, web identity, containers, instances), if it is installed.
 */
export function awsSources(settings: AwsSettings): readonly AwsSource[] {
  const { key } = settings;
  if (key !== undefined) return [() => Promise.resolve({ ...key, expiresAt: undefined })];
  return [() => fromSharedFiles(settings), fromSdk(settings.profile)];
}

/** Keys that stand in the shared files. A profile that says how to get them is not read here. */
async function fromSharedFiles(settings: AwsSettings): Promise<AwsIdentity | undefined> {
  const profile = settings.profile ?? "default";
  const [credentials, config] = await Promise.all([
    readProfile(settings.credentialsFile, profile),
    readProfile(settings.configFile, profile === "default" ? profile : `profile ${profile}`),
  ]);
  const found = new Map([...config, ...credentials]);
  const accessKeyId = found.get("aws_access_key_id");
  const secretAccessKey = found.get("aws_secret_access_key");
  const sessionToken = found.get("aws_session_token");
  if (!accessKeyId || !secretAccessKey || found.has("role_arn")) return undefined;
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: sessionToken ? new Secret(sessionToken) : undefined,
    expiresAt: undefined,
  };
}

/** The settings of one section; none where there is no such file or section. */
async function readProfile(path: string | undefined, section: string): Promise<ReadonlyMap<string, string>> {
  const settings = new Map<string, string>();
  if (path === undefined) return settings;
  const text = await readFile(path, "utf8").catch(() => "");
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header !== null) inside = header[1]?.replace(/\s+/g, " ") === section;
    // Indented lines belong to the setting above them, such as `s3 =`.
    const [, name, value] = /^([a-z0-9_]+)\s*=\s*(.*?)\s*$/i.exec(line) ?? [];
    if (inside && name !== undefined && value !== undefined) settings.set(name.toLowerCase(), value);
  }
  return settings;
}

const SDK_MISSING = "ERR_MODULE_NOT_FOUND";

/** The SDK's chain is loaded when it is first needed, and need not be installed. It reads the environment itself. */
function fromSdk(profile: string | undefined): AwsSource {
  let chain: (() => Promise<SdkIdentity>) | undefined;
  return async () => {
    chain ??= await loadChain(profile);
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await chain();
    return {
      accessKeyId,
      secretAccessKey: new Secret(secretAccessKey),
      sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
      expiresAt: expiration?.getTime(),
    };
  };
}

interface SdkIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

async function loadChain(profile: string | undefined): Promise<() => Promise<SdkIdentity>> {
  try {
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    return defaultProvider(profile === undefined ? {} : { profile });
  } catch (error) {
    if (!(error instanceof Error) || Reflect.get(error, "code") !== SDK_MISSING) throw error;
    throw new GatewayError(
      ErrorReason.UPSTREAM_UNAUTHENTICATED,
      "The gateway has no AWS keys in its environment or in the shared files; its operator must put some there, or " +
        "install @aws-sdk/credential-provider-node for roles, SSO, web identity, containers and instances.",
      { cause: error },
    );
  }
}
