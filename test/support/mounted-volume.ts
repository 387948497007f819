/** A mounted `ConfigMap` or secret, changed in the way of kubelet. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

export interface MountedVolume {
  readonly path: string;
  /** Replaces all files by these. */
  publish(files: Readonly<Record<string, string>>): void;
}

/**
 * Takes the steps of kubelet's `AtomicWriter.Write` (kubernetes, pkg/volume/util/atomic_writer.go) in their order: a new
 * directory with the files; the names that users see, each a link through `..data`; `..data_tmp`, a link to the new
 * directory, renamed to `..data`; and then the names and the directory of before go.
 */
export function mountVolume(path: string): MountedVolume {
  const inside = (name: string): string => join(path, name);
  return {
    path,
    publish(files) {
      const old = existsSync(inside("..data")) ? readlinkSync(inside("..data")) : undefined;
      const time = new Date().toISOString().slice(0, 19).replace(/[-T:]/g, "_");
      const fresh = mkdtempSync(inside(`..${time}.`));
      chmodSync(fresh, 0o755);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(fresh, name), text, { mode: 0o644 });
      const shown = readdirSync(path).filter((name) => lstatSync(inside(name)).isSymbolicLink() && name !== "..data");
      for (const name of Object.keys(files)) {
        if (!shown.includes(name)) symlinkSync(join("..data", name), inside(name));
      }
      symlinkSync(basename(fresh), inside("..data_tmp"));
      renameSync(inside("..data_tmp"), inside("..data"));
      for (const name of shown) if (!Object.hasOwn(files, name)) unlinkSync(inside(name));
      if (old !== undefined) rmSync(inside(old), { recursive: true });
    },
  };
}
