// A maildrop on disk is a Maildir whose file names sort in the order of delivery, so that message numbers follow it.
import { chownSync, closeSync, fchownSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

/** The system's user as whom the server opens maildrops. */
export interface MaildropOwner {
  readonly uid: number;
  readonly gid: number;
}

/** As root, mail belongs to a user without a name; otherwise all is the caller's. */
export function maildropOwner(): MaildropOwner {
  const { uid, gid } = userInfo();
  return uid === 0 ? { uid: 5000, gid: 5000 } : { uid, gid };
}

type Octets = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export class Maildrop {
  readonly #directory: string;
  readonly #owner: MaildropOwner;
  #delivered = 0;

  /** Makes the Maildir at `directory`, which must not exist but whose parent must. */
  constructor(directory: string, owner: MaildropOwner) {
    this.#directory = directory;
    this.#owner = owner;
    for (const path of [directory, ...["cur", "new", "tmp"].map((name) => join(directory, name))]) {
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, owner.uid, owner.gid);
    }
  }

  /** Writes each message to a file of its own, octets as they are. */
  async deliver(messages: Octets): Promise<void> {
    for await (const message of messages) {
      const name = this.#nextName();
      // Synchronous, for ten thousand messages would make fifty thousand turns of the event loop.
      const file = openSync(join(this.#directory, "tmp", name), "wx", 0o600);
      try {
        fchownSync(file, this.#owner.uid, this.#owner.gid);
        for (let written = 0; written < message.length;) written += writeSync(file, message, written);
      } finally {
        closeSync(file);
      }
      renameSync(join(this.#directory, "tmp", name), join(this.#directory, "new", name));
    }
  }

  /** Writes one message from pieces, of which only one at a time is held in memory. */
  async deliverStream(pieces: Octets): Promise<void> {
    const name = this.#nextName();
    const path = join(this.#directory, "tmp", name);
    const file = await open(path, "wx", 0o600);
    try {
      await file.chown(this.#owner.uid, this.#owner.gid);
      for await (const piece of pieces) await file.writeFile(piece);
    } catch (error) {
      await unlink(path);
      throw error;
    } finally {
      await file.close();
    }
    await rename(path, join(this.#directory, "new", name));
  }

  /** The messages that lie in the Maildir now, in order of delivery, as their files hold them. */
  async messages(): Promise<Buffer[]> {
    const paths = await this.#paths();
    const messages: Buffer[] = [];
    for (const path of paths) messages.push(await readFile(path));
    return messages;
  }

  /** How many messages lie in the Maildir now. */
  async count(): Promise<number> {
    return (await this.#paths()).length;
  }

  /**
   * Removes every message. The server's index stays: with it gone, the next message could get a unique-id that
   * was given before.
   */
  async clear(): Promise<void> {
    for (const path of await this.#paths()) await unlink(path);
  }

  async #paths(): Promise<string[]> {
    const lists = await Promise.all(
      ["new", "cur"].map(async (folder) => {
        const names = await readdir(join(this.#directory, folder));
        return names.map((name) => ({ name, path: join(this.#directory, folder, name) }));
      }),
    );
    // The names begin with as many digits each, and no two with the same.
    return lists
      .flat()
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ path }) => path);
  }

  /** A Maildir name begins with the time of delivery in seconds, which is what servers number by. */
  #nextName(): string {
    const sequence = this.#delivered++;
    return `${String(1_700_000_000 + sequence)}.${String(sequence)}.popwright`;
  }
}
