// A message while it arrives: in memory as long as it is small, then in a spool file. So most messages need no
// call of the file system until they are complete, and few files are open at a time.
import { SpoolFile } from "./spool-file.ts";

/**
 * How much is kept in memory and written at a time; octets. With less, the syncs of the messages before would hold
 * back the connection, because they occupy the threads for files.
 */
const BLOCK = 1024 * 1024;

/** Pieces of this average size are written without a copy: the chunks of a socket. Smaller ones are joined; octets. */
const LARGE_PIECE = 16 * 1024;

/** How many files are opened, written and synced at the same time by this process. More are not faster. */
const AT_ONCE = 16;

export class ArrivingFile {
  readonly #directory: string;
  readonly #key: string;
  #file: SpoolFile | undefined;
  #pieces: Buffer[] = [];
  #held = 0;
  #octets = 0;
  /** Settles when the blocks so far are written. */
  #written: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(directory: string, key: string) {
    this.#directory = directory;
    this.#key = key;
  }

  /** The length of the message so far. */
  get octets(): number {
    return this.#octets;
  }

  /** Whether the file could not be written. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Takes a piece. The promise is that of the block before, so that one block arrives while another is written. */
  write(octets: Buffer): Promise<void> | void {
    this.#pieces.push(octets);
    this.#held += octets.length;
    this.#octets += octets.length;
    if (this.#held >= BLOCK) return this.#writeBlock();
  }

  /** Writes the rest, and resolves with the file when its content will survive a crash. */
  async store(): Promise<SpoolFile> {
    return inTurn(async () => {
      void this.#writeBlock().catch(() => undefined);
      await this.#written;
      const file = await this.#open();
      await file.store();
      return file;
    });
  }

  /** Resolves when the blocks so far are written. Rejects if one could not be. */
  async written(): Promise<void> {
    await this.#written;
  }

  /**
   * Reads what has arrived: the file, and then what is still in memory. A piece is valid until the next one is read.
   */
  async *read(): AsyncGenerator<Buffer, void> {
    await this.#written;
    if (this.#file !== undefined) yield* this.#file.read();
    yield* this.#pieces;
  }

  /** Removes the file, if there is one. Never rejects. */
  async discard(): Promise<void> {
    this.#pieces = [];
    await this.#written.catch(() => undefined);
    await this.#file?.discard();
  }

  #writeBlock(): Promise<void> {
    const before = this.#written;
    if (this.#held === 0) return before;
    const pieces = this.#pieces;
    const block = this.#held < pieces.length * LARGE_PIECE ? [Buffer.concat(pieces)] : pieces;
    this.#pieces = [];
    this.#held = 0;
    this.#written = before.then(async () => (await this.#open()).write(block));
    // The next call reports it.
    this.#written.catch(() => (this.#hasFailed = true));
    return before;
  }

  async #open(): Promise<SpoolFile> {
    return (this.#file ??= await SpoolFile.create(this.#directory, this.#key));
  }
}

let busy = 0;
const waiting: (() => void)[] = [];

/** Runs `work` when fewer than {@link AT_ONCE} others run. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (busy < AT_ONCE) busy++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  }
}
