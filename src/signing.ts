import type { ProviderSettings } from "./config/providers.ts";
import type { Clock } from "./domain/clock.ts";
import { createAwsAuthorize } from "./provider/sign/aws.ts";
import { AwsCredentials } from "./provider/sign/aws-credentials.ts";
import { awsSources } from "./provider/sign/aws-sources.ts";
import type { Authorize } from "./provider/upstream-call.ts";

/** How a provider's requests are signed; undefined where a key is sent, or nothing. */
export function signerOf({ aws, baseUrl }: ProviderSettings, clock: Clock): Authorize | undefined {
  if (aws === undefined) return undefined;
  const credentials = new AwsCredentials(awsSources(aws), clock).get;
  return createAwsAuthorize({ baseUrl, region: aws.region, service: "bedrock", credentials, clock });
}
