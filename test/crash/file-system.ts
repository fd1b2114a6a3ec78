// The calls of `node:fs/promises` that fetching makes, on a simulated disk.
import { constants, type MakeDirectoryOptions, type RmOptions } from "node:fs";
import { resolve } from "node:path";
import { systemError, type Disk } from "./disk.ts";
import type { Distortion, Process } from "./machine.ts";
import { Directory, File, type Node } from "./nodes.ts";

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

/** What a process asks for. */
export interface Call {
  readonly name: string;
  readonly path: string;
}

/** The machine on which a process runs, as its calls see it. */
export interface FileHost {
  readonly disk: Disk;
  readonly distortion: Distortion;
  /** The process that calls. */
  readonly process: Process;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Carries out an operation, and resolves with its result. `operation` gets the number of changes that were
   * complete when it was asked for: a sync covers no others.
   */
  operate<T>(operation: (complete: number) => T, call: Call): Promise<T>;
  /** How many octets of a write the disk takes. `goesOn`: Node writes the rest by itself. @default all of them */
  room?(path: string, octets: number, goesOn: boolean): number;
}

/** The size is looked up only if a program asks for it: after a loss of power it is still open until then. */
export class SimulatedStats {
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

  constructor(node: Node, asBigint: boolean, links: number) {
    this.#node = node;
    this.#asBigint = asBigint;
    this.dev = asBigint ? 1n : 1;
    this.ino = asBigint ? BigInt(node.number) : node.number;
    this.mode = node.mode;
    this.nlink = links;
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

export class SimulatedHandle {
  readonly fd: number = nextDescriptor++;
  /** A handle that is closed late closes nothing on the machine of another process. */
  readonly #host: FileHost;
  readonly #path: string;
  readonly #node: Node;
  readonly #flags: number;
  #position = 0;
  #open = true;

  constructor(host: FileHost, path: string, node: Node, flags: number) {
    this.#host = host;
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
      if (bytesRead > 0) file.content.copy(buffer, offset, at, at + bytesRead);
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
      const taken = octets.subarray(0, this.#room(octets.length, false));
      if (taken.length === 0 && octets.length > 0) throw systemError("ENOSPC", "write", this.#path);
      this.#put(file, taken, typeof position === "number" ? position : undefined);
      return { bytesWritten: taken.length };
    });
  }

  writev(pieces: readonly Buffer[], position?: number): Promise<{ bytesWritten: number }> {
    return this.write(Buffer.concat(pieces), 0, undefined, position);
  }

  async writeFile(data: string | Buffer, encoding?: BufferEncoding): Promise<void> {
    const octets = Buffer.from(data as string, encoding);
    await this.#operate("write", (file) => {
      const taken = octets.subarray(0, this.#room(octets.length, true));
      this.#put(file, taken, undefined);
      // Node writes the rest, which fails.
      if (taken.length < octets.length) throw systemError("ENOSPC", "write", this.#path);
    });
  }

  appendFile(data: string | Buffer, encoding?: BufferEncoding): Promise<void> {
    return this.writeFile(data, encoding);
  }

  stat(options?: { bigint?: boolean }): Promise<SimulatedStats> {
    return this.#call("fstat", () => statsOf(this.#host, this.#opened("fstat"), options));
  }

  sync(): Promise<void> {
    const { distortion, disk } = this.#host;
    return this.#call("fsync", (complete) => {
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
      file.write({ at: length, octets: undefined, order: ++this.#host.disk.order }, this.#host.now()),
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
    await this.#call("close", () => {
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

  #call<T>(name: string, operation: (complete: number) => T): Promise<T> {
    return this.#host.operate(operation, { name, path: this.#path });
  }

  #operate<T>(call: string, operation: (file: File) => T): Promise<T> {
    return this.#call(call, () => {
      const node = this.#opened(call);
      if (node.kind === "directory") throw systemError("EISDIR", call, this.#path);
      const isForWriting = (this.#flags & ACCESS) !== 0;
      if (call === "write" && !isForWriting) throw systemError("EBADF", call, this.#path);
      return operation(node);
    });
  }

  #room(octets: number, goesOn: boolean): number {
    return this.#host.room?.(this.#path, octets, goesOn) ?? octets;
  }

  #put(file: File, octets: Buffer, position: number | undefined): void {
    const appends = (this.#flags & O_APPEND) !== 0;
    const asked = appends ? file.content.length : (position ?? this.#position);
    const at = this.#host.distortion.position?.(this.#path, asked) ?? asked;
    if (octets.length > 0) file.write({ at, octets, order: ++this.#host.disk.order }, this.#host.now());
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

function statsOf({ disk }: FileHost, node: Node, options: { bigint?: boolean } | undefined): SimulatedStats {
  return new SimulatedStats(node, options?.bigint === true, node.kind === "file" ? disk.links(node) : 2);
}

/** The file system as the processes of one host see it. */
export class FileSystem {
  readonly #host: () => FileHost;

  constructor(host: () => FileHost) {
    this.#host = host;
  }

  readonly open = (given: string, flags: string | number = "r", mode = 0o666): Promise<SimulatedHandle> =>
    this.#on("open", given, (path, host, process) => {
      const { disk, distortion } = host;
      const bits = typeof flags === "number" ? flags : FLAGS[flags];
      if (bits === undefined) throw new Error(`the simulated disk does not know the flags ${flags}`);
      let node = find(host, path, process);
      if (node === undefined) {
        if ((bits & O_CREAT) === 0) throw systemError("ENOENT", "open", path);
        node = new File(++disk.order, 0o100000 | mode, host.now());
        disk.setName(path, node, host.now(), "open");
      } else if ((bits & O_CREAT) !== 0 && (bits & O_EXCL) !== 0) throw systemError("EEXIST", "open", path);
      if (node.kind === "directory" && (bits & ACCESS) !== 0) throw systemError("EISDIR", "open", path);
      if (node.kind === "file" && (bits & O_TRUNC) !== 0)
        node.write({ at: 0, octets: undefined, order: ++disk.order }, host.now());
      if ((bits & ACCESS) !== 0) distortion.openedForWriting?.(path, node, process);
      return new SimulatedHandle(host, path, node, bits);
    });

  readonly mkdir = async (given: string, options?: MakeDirectoryOptions): Promise<void> =>
    this.#on("mkdir", given, (path, { disk, now }) => {
      if (disk.find(path) !== undefined) throw systemError("EEXIST", "mkdir", path);
      const mode = 0o040000 | Number(options?.mode ?? 0o777);
      disk.setName(path, new Directory(++disk.order, mode, now()), now(), "mkdir");
    });

  readonly stat = (given: string, options?: { bigint?: boolean }): Promise<SimulatedStats> =>
    this.#on("stat", given, (path, host, process) =>
      statsOf(host, existing(host, path, "stat", process), options),
    );

  /** There are no symbolic links on the simulated disk. */
  readonly lstat = (given: string, options?: { bigint?: boolean }): Promise<SimulatedStats> =>
    this.stat(given, options);

  readonly realpath = (given: string): Promise<string> =>
    this.#on("realpath", given, (path, host, process) => {
      existing(host, path, "realpath", process);
      return path;
    });

  readonly readdir = (given: string): Promise<string[]> =>
    this.#on("readdir", given, (path, host, process) => {
      const node = existing(host, path, "readdir", process);
      if (node.kind === "file") throw systemError("ENOTDIR", "readdir", path);
      return [...node.names.keys()];
    });

  readonly link = async (existingPath: string, given: string): Promise<void> =>
    this.#on("link", given, (to, { disk, now }) => {
      const node = disk.find(resolve(existingPath));
      if (node === undefined) throw systemError("ENOENT", "link", existingPath);
      if (disk.find(to) !== undefined) throw systemError("EEXIST", "link", to);
      disk.setName(to, node, now(), "link");
    });

  readonly rename = async (from: string, to: string): Promise<void> =>
    this.#on("rename", from, (path, { disk, now }) => disk.rename(path, resolve(to), now()));

  readonly unlink = async (given: string): Promise<void> =>
    this.#on("unlink", given, (path, host) => remove(host, path, "unlink"));

  readonly rm = async (given: string, options?: RmOptions): Promise<void> =>
    this.#on("unlink", given, (path, host) => {
      if (options?.force !== true || host.disk.find(path) !== undefined) remove(host, path, "rm");
    });

  readonly readFile = (
    given: string,
    options?: BufferEncoding | { encoding?: BufferEncoding | null },
  ): Promise<Buffer | string> =>
    this.#on("read", given, (path, host, process) => {
      const node = existing(host, path, "open", process);
      if (node.kind === "directory") throw systemError("EISDIR", "read", path);
      return inEncoding(Buffer.from(node.content), options);
    });

  readonly readlink = (given: string): Promise<string> =>
    this.#on("readlink", given, (path) => {
      throw systemError("EINVAL", "readlink", path);
    });

  /** Carries out an operation on the absolute form of a path, in the process that asks for it. */
  #on<T>(
    name: string,
    given: string,
    operation: (path: string, host: FileHost, process: Process) => T,
  ): Promise<T> {
    const host = this.#host();
    // The process may be another one by the time of the operation.
    const { process } = host;
    const path = resolve(given);
    return host.operate(() => operation(path, host, process), { name, path });
  }
}

function find({ disk, distortion }: FileHost, path: string, process: Process): Node | undefined {
  const found = disk.find(path);
  return distortion.find === undefined ? found : distortion.find(path, found, process);
}

function existing(host: FileHost, path: string, call: string, process: Process): Node {
  const node = find(host, path, process);
  if (node === undefined) throw systemError("ENOENT", call, path);
  return node;
}

function remove({ disk, now }: FileHost, path: string, call: string): void {
  const node = disk.find(path);
  if (node === undefined) throw systemError("ENOENT", call, path);
  if (node.kind === "directory") throw systemError("EISDIR", call, path);
  disk.setName(path, undefined, now(), call);
}
