import type { ProviderSettings } from "./config/providers.ts";
import type { Settings } from "./config/settings.ts";
import type { Clock } from "./domain/clock.ts";
import { createAwsAuthorize } from "./provider/sign/aws.ts";
import { AwsCredentials } from "./provider/sign/aws-credentials.ts";
import { awsSources } from "./provider/sign/aws-sources.ts";
import { createGoogleAuthorize } from "./provider/sign/google.ts";
import type { Authorize } from "./provider/upstream-request.ts";

/** How a provider's requests are let in; undefined where a key is sent, or nothing. */
export function authorizeOf(
  { aws, google, baseUrl }: ProviderSettings,
  { connectTimeoutMs }: Pick<Settings, "connectTimeoutMs">,
  clock: Clock,
): Authorize | undefined {
  if (google !== undefined) return createGoogleAuthorize({ ...google, clock, connectTimeoutMs });
  if (aws === undefined) return undefined;
  const credentials = new AwsCredentials(awsSources(aws), clock).get;
  return createAwsAuthorize({ baseUrl, region: aws.region, service: "bedrock", credentials, clock });
}
