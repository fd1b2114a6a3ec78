// Debian lets one POP3 server be installed at a time: the files of the others lie where .ci/servers unpacks them.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { notInstalled } from "./tool.ts";

/** The directory that stands for the root of the file system to an unpacked server. */
export function unpackedRoot(name: string): string {
  return join("/opt/popwright-servers", name);
}

/** The directories of the libraries below it, for `LD_LIBRARY_PATH`. Rejects if the server was never unpacked. */
export async function unpackedLibraries(name: string): Promise<string> {
  const libraries = join(unpackedRoot(name), "usr/lib");
  try {
    // On Debian each architecture has its own.
    const ofArchitecture = (await readdir(libraries)).filter((entry) => entry.endsWith("-linux-gnu"));
    return [...ofArchitecture.map((entry) => join(libraries, entry)), libraries].join(":");
  } catch (cause) {
    throw notInstalled(name, cause) ?? cause;
  }
}
