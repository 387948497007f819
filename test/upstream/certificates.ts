/** Certificates for tests, made anew by `openssl`: nothing in the repository can expire. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

interface Leaf {
  readonly names: string;
  readonly usage?: string;
  /** Days from now; negative is the past. */
  readonly days?: number;
}

export interface Authority {
  /** PEM of the authority's own certificate. */
  readonly cert: string;
  /** A certificate that this authority signed. */
  issue(leaf: Leaf): Certificate;
  /** A certificate that only its owner vouches for. */
  selfSign(names: string): Certificate;
  close(): void;
}

/** An authority in a folder of its own. Close it in the end. */
export function openAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "sluice-certificates-"));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test authority",
    "-days",
    "2",
  );
  let count = 0;

  return {
    cert: readFileSync(at("ca.pem"), "utf8"),
    issue({ names, usage = "serverAuth", days = 2 }) {
      const name = `leaf-${++count}`;
      openssl("req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`);
      const signedBy = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
      openssl("x509", "-req", "-in", `${name}.csr`, ...signedBy, "-days", String(days), "-out", `${name}.pem`);
      return { cert: readFileSync(at(`${name}.pem`), "utf8"), key: readFileSync(at(`${name}.key`), "utf8") };
    },
    selfSign(names) {
      const extension = ["-addext", `subjectAltName=${names}`];
      const out = ["-keyout", "self.key", "-out", "self.pem", "-subj", "/CN=self", "-days", "2"];
      openssl("req", "-x509", ...newKey, ...extension, ...out);
      return { cert: readFileSync(at("self.pem"), "utf8"), key: readFileSync(at("self.key"), "utf8") };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
