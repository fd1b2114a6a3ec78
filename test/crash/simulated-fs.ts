// `node:fs/promises` on the disk of the simulated machine: the calls that fetching makes.
import { constants, type MakeDirectoryOptions, type RmOptions } from "node:fs";
import { resolve } from "node:path";
import { systemError } from "./disk.ts";
import { machine, type Machine, type Process } from "./machine.ts";
import { Directory, File, type Node } from "./nodes.ts";

export { constants };

const { O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;

/** The bits of the flags that say whether a file is opened for writing. */
const ACCESS = O_WRONLY | O_RDWR;

const FLAGS: Readonly<Record<string, number>> = {
  r: 0,
  "r+": O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_EXCL,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "wx+": O_RDWR | O_CREAT | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_EXCL | O_APPEND,
  "a+": O_RDWR | O_CREAT | O_APPEND,
  "ax+": O_RDWR | O_CREAT | O_EXCL | O_APPEND,
};

/** The size is looked up only if a program asks for it: after a loss of power it is still open until then. */
class SimulatedStats {
  readonly uid = 1000;
  readonly gid = 1000;
  readonly dev: number | bigint;
  readonly ino: number | bigint;
  readonly mode: number;
  readonly nlink: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly mtimeNs: bigint | undefined;
  readonly ctimeNs: bigint | undefined;
  readonly #node: Node;
  readonly #asBigint: boolean;
  #size: number | undefined;

  constructor(node: Node, asBigint: boolean) {
    this.#node = node;
    this.#asBigint = asBigint;
    this.dev = asBigint ? 1n : 1;
    this.ino = asBigint ? BigInt(node.number) : node.number;
    this.mode = node.mode;
    this.nlink = node.kind === "file" ? machine().disk.links(node) : 2;
    this.mtimeMs = this.ctimeMs = node.changed;
    this.mtimeNs = this.ctimeNs = asBigint ? BigInt(node.changed) * 1_000_000n : undefined;
    // What a file has later is not what it has now.
    if (node instanceof File && node.constructor === File) this.#size = node.content.length;
  }

  get size(): number | bigint {
    this.#size ??= this.#node.kind === "file" ? this.#node.content.length : 4096;
    return this.#asBigint ? BigInt(this.#size) : this.#size;
  }

  isFile = (): boolean => this.#node.kind === "file";
  isDirectory = (): boolean => this.#node.kind === "directory";
  isSymbolicLink = (): boolean => false;
  isFIFO = (): boolean => false;
  isSocket = (): boolean => false;
}

let nextDescriptor = 100;

class SimulatedHandle {
  readonly fd: number = nextDescriptor++;
  /** A handle that is closed late closes nothing on the machine of another process. */
  readonly #machine: Machine = machine();
  readonly #path: string;
  readonly #node: Node;
  readonly #flags: number;
  #position = 0;
  #open = true;

  constructor(path: string, node: Node, flags: number) {
    this.#path = path;
    this.#node = node;
    this.#flags = flags;
  }

  read(...args: readonly unknown[]): Promise<{ bytesRead: number; buffer: Buffer }> {
    const [first, second, third, fourth] = args;
    const isBuffer = Buffer.isBuffer(first);
    const rest = (isBuffer ? (typeof second === "object" ? second : {}) : first) as {
      buffer?: Buffer;
      offset?: number;
      length?: number;
      position?: number | null;
    } | null;
    const buffer = isBuffer ? first : (rest?.buffer ?? Buffer.alloc(16_384));
    const offset = (typeof second === "number" ? second : rest?.offset) ?? 0;
    const length = (typeof third === "number" ? third : rest?.length) ?? buffer.length - offset;
    const position = (typeof fourth === "number" ? fourth : rest?.position) ?? undefined;
    return this.#operate("read", (file) => {
      const at = position ?? this.#position;
      const bytesRead = Math.max(0, Math.min(length, file.content.length - at));
      file.content.copy(buffer, offset, at, at + bytesRead);
      if (position === undefined) this.#position += bytesRead;
      return { bytesRead, buffer };
    });
  }

  readFile(options?: BufferEncoding | { encoding?: BufferEncoding }): Promise<Buffer | string> {
    return this.#operate("read", (file) => {
      const octets = Buffer.from(file.content.subarray(this.#position));
      this.#position = file.content.length;
      return inEncoding(octets, options);
    });
  }

  write(...args: readonly unknown[]): Promise<{ bytesWritten: number }> {
    const [data, second, third, fourth] = args;
    let octets: Buffer;
    let position: unknown;
    if (typeof data === "string") {
      octets = Buffer.from(data, (third ?? "utf8") as BufferEncoding);
      position = second;
    } else {
      const from = (second ?? 0) as number;
      octets = Buffer.from(
        (data as Buffer).subarray(from, from + (third === undefined ? Infinity : Number(third))),
      );
      position = fourth;
    }
    return this.#operate("write", (file) => {
      this.#put(file, octets, typeof position === "number" ? position : undefined);
      return { bytesWritten: octets.length };
    });
  }

  writev(pieces: readonly Buffer[], position?: number): Promise<{ bytesWritten: number }> {
    return this.write(Buffer.concat(pieces), 0, undefined, position);
  }

  async writeFile(data: string | Buffer, encoding?: BufferEncoding): Promise<void> {
    const octets = Buffer.from(data as string, encoding);
    await this.#operate("write", (file) => this.#put(file, octets, undefined));
  }

  appendFile(data: string | Buffer, encoding?: BufferEncoding): Promise<void> {
    return this.writeFile(data, encoding);
  }

  stat(options?: { bigint?: boolean }): Promise<SimulatedStats> {
    return this.#machine.operate(() => new SimulatedStats(this.#opened("fstat"), options?.bigint === true));
  }

  sync(): Promise<void> {
    const { distortion } = this.#machine;
    return this.#machine.operate((complete) => {
      const { disk } = this.#machine;
      const node = this.#opened("fsync");
      const part = distortion.sync?.(this.#path, node);
      if (part === "none") return;
      if (node.kind === "directory") disk.syncNames(node, complete);
      else if (part === "half") syncHalf(node);
      else if (part === "late") node.sync((node.pending.at(-1)?.order ?? 0) - 1);
      else node.sync(complete);
    });
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  async truncate(length = 0): Promise<void> {
    await this.#operate("ftruncate", (file) =>
      file.write({ at: length, octets: undefined, order: ++this.#machine.disk.order }, Date.now()),
    );
  }

  async chmod(mode: number): Promise<void> {
    await this.#operate("fchmod", (file) => (file.mode = (file.mode & ~0o7777) | mode));
  }

  async chown(): Promise<void> {
    await this.#operate("fchown", () => undefined);
  }

  async utimes(_: unknown, changed: number | Date): Promise<void> {
    await this.#operate("futimes", (file) => (file.changed = Number(changed)));
  }

  async close(): Promise<void> {
    await this.#machine.operate(() => {
      this.#opened("close");
      this.#open = false;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #opened(call: string): Node {
    if (!this.#open) throw systemError("EBADF", call, this.#path);
    return this.#node;
  }

  #operate<T>(call: string, operation: (file: File) => T): Promise<T> {
    return this.#machine.operate(() => {
      const node = this.#opened(call);
      if (node.kind === "directory") throw systemError("EISDIR", call, this.#path);
      const isForWriting = (this.#flags & ACCESS) !== 0;
      if (call === "write" && !isForWriting) throw systemError("EBADF", call, this.#path);
      return operation(node);
    });
  }

  #put(file: File, octets: Buffer, position: number | undefined): void {
    const appends = (this.#flags & O_APPEND) !== 0;
    const at = appends ? file.content.length : (position ?? this.#position);
    if (octets.length > 0) file.write({ at, octets, order: ++this.#machine.disk.order }, Date.now());
    if (position === undefined || appends) this.#position = at + octets.length;
  }
}

/** Makes the first half of the lines durable. */
function syncHalf(file: File): void {
  const [write] = file.pending;
  if (write?.octets === undefined) return;
  const lines = write.octets.toString("latin1").split("\n");
  const kept = lines.slice(0, Math.floor((lines.length - 1) / 2)).map((line) => `${line}\n`);
  const octets = Buffer.from(kept.join(""), "latin1");
  file.pending = [{ ...write, octets }];
  file.sync(Infinity);
}

function inEncoding(
  octets: Buffer,
  options: BufferEncoding | { encoding?: BufferEncoding | null } | null | undefined,
): Buffer | string {
  const encoding = typeof options === "string" ? options : options?.encoding;
  return encoding ? octets.toString(encoding) : octets;
}

function find(path: string, process: Process): Node | undefined {
  const { disk, distortion } = machine();
  const found = disk.find(path);
  return distortion.find === undefined ? found : distortion.find(path, found, process);
}

function existing(path: string, call: string, process: Process): Node {
  const node = find(path, process);
  if (node === undefined) throw systemError("ENOENT", call, path);
  return node;
}

/** Carries out an operation on the absolute form of a path, in the process that asks for it. */
function on<T>(given: string, operation: (path: string, process: Process) => T): Promise<T> {
  const { process } = machine();
  return machine().operate(() => operation(resolve(given), process));
}

export function open(given: string, flags: string | number = "r", mode = 0o666): Promise<SimulatedHandle> {
  return on(given, (path, process) => {
    const { disk, distortion } = machine();
    const bits = typeof flags === "number" ? flags : FLAGS[flags];
    if (bits === undefined) throw new Error(`the simulated disk does not know the flags ${flags}`);
    let node = find(path, process);
    if (node === undefined) {
      if ((bits & O_CREAT) === 0) throw systemError("ENOENT", "open", path);
      node = new File(++disk.order, 0o100000 | mode, Date.now());
      disk.setName(path, node, Date.now(), "open");
    } else if ((bits & O_CREAT) !== 0 && (bits & O_EXCL) !== 0) throw systemError("EEXIST", "open", path);
    if (node.kind === "directory" && (bits & ACCESS) !== 0) throw systemError("EISDIR", "open", path);
    if (node.kind === "file" && (bits & O_TRUNC) !== 0)
      node.write({ at: 0, octets: undefined, order: ++disk.order }, Date.now());
    if ((bits & ACCESS) !== 0) distortion.openedForWriting?.(path, node, process);
    return new SimulatedHandle(path, node, bits);
  });
}

export async function mkdir(given: string, options?: MakeDirectoryOptions): Promise<void> {
  await on(given, (path) => {
    const { disk } = machine();
    if (disk.find(path) !== undefined) throw systemError("EEXIST", "mkdir", path);
    const mode = 0o040000 | Number(options?.mode ?? 0o777);
    disk.setName(path, new Directory(++disk.order, mode, Date.now()), Date.now(), "mkdir");
  });
}

export function stat(path: string, options?: { bigint?: boolean }): Promise<SimulatedStats> {
  return on(
    path,
    (each, process) => new SimulatedStats(existing(each, "stat", process), options?.bigint === true),
  );
}

/** There are no symbolic links on the simulated disk. */
export function lstat(path: string, options?: { bigint?: boolean }): Promise<SimulatedStats> {
  return stat(path, options);
}

export function realpath(path: string): Promise<string> {
  return on(path, (each, process) => {
    existing(each, "realpath", process);
    return each;
  });
}

export function readdir(path: string): Promise<string[]> {
  return on(path, (each, process) => {
    const node = existing(each, "readdir", process);
    if (node.kind === "file") throw systemError("ENOTDIR", "readdir", each);
    return [...node.names.keys()];
  });
}

export async function link(existingPath: string, path: string): Promise<void> {
  await on(path, (to) => {
    const { disk } = machine();
    const node = disk.find(resolve(existingPath));
    if (node === undefined) throw systemError("ENOENT", "link", existingPath);
    if (disk.find(to) !== undefined) throw systemError("EEXIST", "link", to);
    disk.setName(to, node, Date.now(), "link");
  });
}

export async function rename(from: string, to: string): Promise<void> {
  await on(from, (path) => machine().disk.rename(path, resolve(to), Date.now()));
}

export async function unlink(path: string): Promise<void> {
  await on(path, (each) => remove(each, "unlink"));
}

export async function rm(path: string, options?: RmOptions): Promise<void> {
  await on(path, (each) => {
    if (options?.force !== true || machine().disk.find(each) !== undefined) remove(each, "rm");
  });
}

function remove(path: string, call: string): void {
  const { disk } = machine();
  const node = disk.find(path);
  if (node === undefined) throw systemError("ENOENT", call, path);
  if (node.kind === "directory") throw systemError("EISDIR", call, path);
  disk.setName(path, undefined, Date.now(), call);
}

export function readFile(
  path: string,
  options?: BufferEncoding | { encoding?: BufferEncoding | null },
): Promise<Buffer | string> {
  return on(path, (each, process) => {
    const node = existing(each, "open", process);
    if (node.kind === "directory") throw systemError("EISDIR", "read", each);
    return inEncoding(Buffer.from(node.content), options);
  });
}

export function readlink(path: string): Promise<string> {
  return on(path, (each) => {
    throw systemError("EINVAL", "readlink", each);
  });
}
