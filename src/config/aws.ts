import { join } from "node:path";
import { Secret } from "../domain/secret.ts";
import type { Environment } from "./secrets.ts";

/** How requests to Amazon are signed: where they go, and where keys are to be found. */
export interface AwsSettings {
  readonly region: string;
  readonly profile: string | undefined;
  /** Keys of the environment; undefined where there are none, or a profile comes before them. */
  readonly key:
    | { readonly accessKeyId: string; readonly secretAccessKey: Secret; readonly sessionToken: Secret | undefined }
    | undefined;
  readonly credentialsFile: string | undefined;
  readonly configFile: string | undefined;
}

interface GivenAws {
  readonly region: string;
  readonly profile: string;
}

/** The region: the configuration's, or that of the environment. */
export function awsRegion(given: GivenAws | undefined, environment: Environment): string | undefined {
  return given?.region || environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined;
}

/** A profile that the configuration names comes before keys of the environment, and these before `AWS_PROFILE`. */
export function toAwsSettings(given: GivenAws | undefined, region: string, environment: Environment): AwsSettings {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = environment;
  const home = environment.HOME || environment.USERPROFILE;
  const file = (name: string): string | undefined => (home ? join(home, ".aws", name) : undefined);
  const profile = given?.profile || undefined;
  return {
    region,
    profile: profile ?? (environment.AWS_PROFILE || undefined),
    key:
      profile === undefined && id && secret
        ? {
            accessKeyId: id,
            secretAccessKey: new Secret(secret),
            sessionToken: token ? new Secret(token) : undefined,
          }
        : undefined,
    credentialsFile: environment.AWS_SHARED_CREDENTIALS_FILE || file("credentials"),
    configFile: environment.AWS_CONFIG_FILE || file("config"),
  };
}
