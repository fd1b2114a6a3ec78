// A directory for one test.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";

export class Folder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), "popwright-destination-")));
  }

  /** The paths of the files in it, however deep, in order; with "/" on every platform. */
  async files(directory = "."): Promise<string[]> {
    const files: string[] = [];
    for (const path of await readdir(join(this.path, directory), { recursive: true })) {
      if ((await stat(join(this.path, directory, path))).isFile()) files.push(path.replaceAll(sep, "/"));
    }
    return files.sort();
  }

  read(path: string): Promise<Buffer> {
    return readFile(join(this.path, path));
  }

  write(path: string, octets: string | Buffer): Promise<void> {
    return writeFile(join(this.path, path), octets);
  }

  removeFile(path: string): Promise<void> {
    return rm(join(this.path, path));
  }

  /** Whatever it is. */
  removeAll(path: string): Promise<void> {
    return rm(join(this.path, path), { recursive: true });
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }
}

/**
 * The octets of the files in a directory whose names match, without subdirectories; empty if there is no
 * directory.
 */
export async function octetsIn(directory: string, wanted?: RegExp): Promise<Buffer[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files = names.filter((name) => wanted?.test(name) !== false);
  return Promise.all(files.sort().map((name) => readFile(join(directory, name))));
}
