import type { Environment } from "./secrets.ts";

/** How requests to Google Cloud are let in, where there is no key. */
export interface GoogleSettings {
  /** Undefined where the machine itself has credentials. */
  readonly credentialsFile: string | undefined;
}

interface GivenGoogle {
  readonly project: string;
  readonly location: string;
  readonly credentialsFile: string;
}

/** Places of more than one region. Source: "Locations" in Vertex AI's docs, 2026-11. */
const HOSTS: Readonly<Record<string, string>> = {
  global: "aiplatform.googleapis.com",
  us: "aiplatform.us.rep.googleapis.com",
  eu: "aiplatform.eu.rep.googleapis.com",
};

/** The address of a project: `{host}`, `{project}` and `{location}` filled in; undefined without a project. */
export function googleBaseUrl(
  template: string,
  given: GivenGoogle | undefined,
  environment: Environment,
): string | undefined {
  const project = given?.project || environment.GOOGLE_CLOUD_PROJECT;
  const location = given?.location || environment.GOOGLE_CLOUD_LOCATION || "global";
  const host = HOSTS[location] ?? `${location}-aiplatform.googleapis.com`;
  if (!project) return undefined;
  const filled: Readonly<Record<string, string>> = { host, project, location };
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(filled[name] ?? ""));
}

export function toGoogleSettings(given: GivenGoogle | undefined, environment: Environment): GoogleSettings {
  return { credentialsFile: given?.credentialsFile || environment.GOOGLE_APPLICATION_CREDENTIALS || undefined };
}
