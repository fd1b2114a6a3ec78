// A real Dovecot on loopback, all of its state in one temporary directory that goes when it stops.
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { createCertificates } from "./certificates.ts";
import { dovecotConf, dovecotUsers } from "./dovecot-conf.ts";
import type { DovecotOptions, DovecotPlace } from "./dovecot-conf.ts";
import { Maildrop } from "./maildrop.ts";
import { freePorts } from "./ports.ts";
import { ServerProcess } from "./process.ts";

export type { DovecotOptions } from "./dovecot-conf.ts";

/** Milliseconds Dovecot may take to start. */
const START_LIMIT = 20_000;

export class Dovecot {
  readonly host = "127.0.0.1";
  /** The port that speaks in clear and offers STLS. */
  readonly port: number;
  /** The port that speaks TLS from the first octet. */
  readonly tlsPort: number;
  /** The authority's certificate (PEM), for `tls.ca`. */
  readonly ca: string;
  readonly #directory: string;
  readonly #process: ServerProcess;
  readonly #maildrops: ReadonlyMap<string, Maildrop>;

  /** Starts a server. Rejects if Dovecot is not installed, or with Dovecot's own words if it does not start. */
  static async start(options: DovecotOptions): Promise<Dovecot> {
    const directory = await mkdtemp(join(tmpdir(), "popwright-dovecot-"));
    try {
      // mkdtemp keeps everybody else out, Dovecot's own users too.
      chmodSync(directory, 0o755);
      const { owner, accounts } = await identity();
      const certificates = await createCertificates(directory, options.certificateNames);
      const maildrops = new Map<string, Maildrop>();
      const homes = new Map<string, string>();
      for (const user of Object.keys(options.users)) {
        // Numbered: a user's name may hold anything.
        const home = join(directory, `home-${String(homes.size)}`);
        mkdirSync(home);
        chownSync(home, owner.uid, owner.gid);
        homes.set(user, home);
        maildrops.set(user, new Maildrop(join(home, "Maildir"), owner));
      }
      const usersFile = join(directory, "users");
      await writeFile(usersFile, dovecotUsers(options.users, homes, owner));
      // Dovecot's own user reads it, whatever the umask.
      chmodSync(usersFile, 0o644);
      for (let attempt = 1; ; attempt++) {
        const [port = 0, tlsPort = 0] = await freePorts(2);
        const place = { directory, port, tlsPort, certificates, owner, accounts };
        try {
          const server = await launch(options, place);
          return new Dovecot(place, server, maildrops);
        } catch (error) {
          // Somebody else took a port between its choice and its use.
          if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
        }
      }
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(place: DovecotPlace, server: ServerProcess, maildrops: ReadonlyMap<string, Maildrop>) {
    this.port = place.port;
    this.tlsPort = place.tlsPort;
    this.ca = place.certificates.ca;
    this.#directory = place.directory;
    this.#process = server;
    this.#maildrops = maildrops;
  }

  /**
   * Puts messages into a user's maildrop, octets as they are. Message numbers follow the order of delivery. A
   * session that is open does not see them. What a client gets for each is told by `servedOctets`.
   */
  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#maildrop(user).deliver(messages);
  }

  /** Puts one message into a user's maildrop, piece by piece: only one piece at a time is held in memory. */
  async deliverStream(user: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#maildrop(user).deliverStream(pieces);
  }

  /**
   * The messages that lie in a user's maildrop now, in order of delivery, as they were delivered. Nothing is gone
   * before Dovecot commits, and everything marked is gone when its reply to QUIT arrives.
   */
  async mailbox(user: string): Promise<Buffer[]> {
    return this.#maildrop(user).messages();
  }

  /** How many messages lie in a user's maildrop now. */
  async count(user: string): Promise<number> {
    return this.#maildrop(user).count();
  }

  /** Empties a user's maildrop. Messages delivered later get unique-ids that were never given before. */
  async clear(user: string): Promise<void> {
    await this.#maildrop(user).clear();
  }

  /** What Dovecot has logged until now. */
  async log(): Promise<string> {
    return readFile(join(this.#directory, "dovecot.log"), "utf8");
  }

  /** Ends the server and removes its directory. */
  async stop(): Promise<void> {
    await this.#process.stop();
    // Again, if a session that was just killed had something left to write.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #maildrop(user: string): Maildrop {
    const maildrop = this.#maildrops.get(user);
    if (maildrop === undefined) throw new TypeError(`No such user: ${user}`);
    return maildrop;
  }
}

/**
 * What Dovecot 2.3.19 sends for a stored message, dots unstuffed: every LF without CR as CRLF, and CRLF at the end
 * if the last octet is not LF. All else comes back as stored: CR without LF, NUL, octets above 127, control
 * characters, lines of 10 MB.
 *
 * The size it announces (STAT, LIST, RETR) counts the first change but not the second: it is 2 less than what is
 * sent when the end was missing. TOP with enough lines sends what RETR sends; with fewer, the header, the empty
 * line if there is one, and that many lines.
 *
 * @throws RangeError if the message begins with a dot. Dovecot sends that one dot unstuffed, which no client can
 * undo, and "." alone in the first line ends the response early. Such a message is no mail; do not deliver one.
 */
export function servedOctets(stored: Buffer): Buffer {
  if (stored[0] === 0x2e) throw new RangeError("Dovecot does not stuff a dot in the first octet.");
  const lines = stored.toString("latin1").replace(/\r?\n/g, "\r\n");
  return Buffer.from(lines.endsWith("\n") ? lines : `${lines}\r\n`, "latin1");
}

/** As root, mail belongs to a user without a name and Dovecot runs as its own two; otherwise all is the caller's. */
async function identity(): Promise<Pick<DovecotPlace, "owner" | "accounts">> {
  const { uid, gid, username } = userInfo();
  if (uid === 0) {
    const accounts = { internal: "dovecot", login: "dovenull", group: "dovecot" };
    return { owner: { uid: 5000, gid: 5000 }, accounts };
  }
  const group = (await promisify(execFile)("id", ["-gn"])).stdout.trim();
  return { owner: { uid, gid }, accounts: { internal: username, login: username, group } };
}

async function launch(options: DovecotOptions, place: DovecotPlace): Promise<ServerProcess> {
  const { directory } = place;
  const conf = join(directory, "dovecot.conf");
  const output = join(directory, "output.log");
  await writeFile(conf, dovecotConf(options, place));
  let server: ServerProcess;
  try {
    server = await ServerProcess.spawn({ command: ["dovecot", "-F", "-c", conf], directory, output });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new Error("Dovecot is not installed: apt-get install dovecot-core dovecot-pop3d", { cause });
  }
  try {
    await started(server, directory);
    return server;
  } catch (cause) {
    await server.stop();
    const words = await Promise.all(
      [output, join(directory, "dovecot.log")].map((p) => readFile(p, "utf8").catch(() => "")),
    );
    throw new Error(`Dovecot did not start: ${words.join("")}`, { cause });
  }
}

/** Dovecot writes its pid file when both ports listen, and not at all when one of them is taken. */
async function started(server: ServerProcess, directory: string): Promise<void> {
  const pidFile = join(directory, "run/master.pid");
  const deadline = Date.now() + START_LIMIT;
  while ((await readFile(pidFile, "utf8").catch(() => "")) !== `${String(server.pid)}\n`) {
    if (!server.running) throw new Error("It ended at once.");
    if (Date.now() > deadline) throw new Error("It took too long.");
    await delay(5);
  }
}
