/** Certificates for tests, made by openssl: an authority, and what it signed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  readonly directory: string;
  readonly ca: Buffer;
  readonly client: { readonly cert: Buffer; readonly key: Buffer };
  /** A client that another authority signed. */
  readonly stranger: { readonly cert: Buffer; readonly key: Buffer };
  file(name: string): string;
  remove(): void;
}

export function createCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "sluice-tls-"));
  const file = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const authority = (name: string): void =>
    openssl("req", "-x509", ...key, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`);
  const signed = (name: string, ca: string): void =>
    openssl(
      ...["req", "-x509", ...key, "-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-subj", `/CN=${name}`],
      ...["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  authority("ca");
  authority("other");
  signed("server", "ca");
  signed("client", "ca");
  signed("stranger", "other");
  const pair = (name: string) => ({ cert: readFileSync(file(`${name}.pem`)), key: readFileSync(file(`${name}.key`)) });
  return {
    directory,
    file,
    ca: readFileSync(file("ca.pem")),
    client: pair("client"),
    stranger: pair("stranger"),
    remove: () => rmSync(directory, { recursive: true }),
  };
}
