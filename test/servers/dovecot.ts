// A real Dovecot on loopback, all of its state in one temporary directory that goes when it stops.
import { readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createCertificates, createClientCertificate, type ClientCertificate } from "./certificates.ts";
import { writeDovecotAuth } from "./dovecot-auth.ts";
import { dovecotConf, type DovecotOptions, type DovecotPlace } from "./dovecot-conf.ts";
import { inDirectory } from "./directory.ts";
import { Homes } from "./homes.ts";
import { acceptorEnvironment } from "./kdc.ts";
import { launch } from "./launch.ts";
import { crlfLines } from "./lines.ts";
import { maildropOwner } from "./maildrop.ts";
import { onFreePorts } from "./ports.ts";
import type { ServerProcess } from "./process.ts";
import { RunningServer } from "./running-server.ts";
import { opensslVersions } from "./tls-versions.ts";
import { run } from "./tool.ts";

export type { DovecotOptions } from "./dovecot-conf.ts";

export class Dovecot extends RunningServer {
  readonly name = "Dovecot";
  /** The ports of IMAP, if the server was started with `imap`: in clear, and with TLS from the first octet. */
  readonly imapPort: number;
  readonly imapsPort: number;
  protected override readonly logFile = "dovecot.log";
  readonly #homes: Homes;

  /** Starts a server. Rejects if Dovecot is not installed, or with Dovecot's own words if it does not start. */
  static async start(options: DovecotOptions): Promise<Dovecot> {
    return inDirectory("dovecot", async (directory) => {
      const owner = maildropOwner();
      const homes = new Homes(directory, Object.keys(options.users), owner);
      await writeDovecotAuth(options, homes, owner, directory);
      const certificates = await createCertificates(directory, options.certificateNames);
      const env = {
        ...(await opensslVersions(directory, options.tlsVersions)),
        ...(options.kerberos === undefined ? {} : acceptorEnvironment(options.kerberos)),
      };
      const accounts = await ownAccounts();
      return onFreePorts(4, async ([port = 0, tlsPort = 0, imapPort = 0, imapsPort = 0]) => {
        const place = { directory, port, tlsPort, imapPort, imapsPort, certificates, env, accounts };
        return new Dovecot(place, homes, () => launchDovecot(options, place)).restart();
      });
    });
  }

  private constructor(place: DovecotPlace, homes: Homes, launchHere: () => Promise<ServerProcess[]>) {
    super({ ...place, ca: place.certificates.ca }, launchHere);
    this.imapPort = place.imapPort;
    this.imapsPort = place.imapsPort;
    this.#homes = homes;
  }

  /**
   * Puts messages into a user's maildrop, octets as they are. Message numbers follow the order of delivery. A
   * session that is open does not see them. What a client gets for each is told by `servedOctets`.
   */
  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#homes.maildrop(user).deliver(messages);
  }

  /** Puts one message into a user's maildrop, piece by piece: only one piece at a time is held in memory. */
  async deliverStream(user: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#homes.maildrop(user).deliverStream(pieces);
  }

  /**
   * The messages that lie in a user's maildrop now, in order of delivery, as they were delivered. Nothing is gone
   * before Dovecot commits, and everything marked is gone when its reply to QUIT arrives.
   */
  async mailbox(user: string): Promise<Buffer[]> {
    return this.#homes.maildrop(user).messages();
  }

  /** How many messages lie in a user's maildrop now. */
  async count(user: string): Promise<number> {
    return this.#homes.maildrop(user).count();
  }

  /** Empties a user's maildrop. Messages delivered later get unique-ids that were never given before. */
  async clear(user: string): Promise<void> {
    await this.#homes.maildrop(user).clear();
  }

  /** A certificate of which EXTERNAL takes `user`, if the server was started with `clientCertificates`. */
  async clientCertificate(user: string): Promise<ClientCertificate> {
    return createClientCertificate(this.directory, user);
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
 * undo, and "." alone in the first line ends the response early. Do not deliver such a message.
 */
export function servedOctets(stored: Buffer): Buffer {
  if (stored[0] === 0x2e) throw new RangeError("Dovecot does not stuff a dot in the first octet.");
  return crlfLines(stored);
}

/** As root, Dovecot runs as its own two users. */
async function ownAccounts(): Promise<DovecotPlace["accounts"]> {
  const { uid, username } = userInfo();
  if (uid === 0) return { internal: "dovecot", login: "dovenull", group: "dovecot" };
  return { internal: username, login: username, group: (await run(["id", "-gn"])).trim() };
}

async function launchDovecot(options: DovecotOptions, place: DovecotPlace): Promise<ServerProcess[]> {
  const { directory, env } = place;
  const conf = join(directory, "dovecot.conf");
  await writeFile(conf, dovecotConf(options, place));
  return launch({
    name: "Dovecot",
    processes: [
      { command: ["dovecot", "-F", "-c", conf], directory, env, output: join(directory, "output.log") },
    ],
    logs: [join(directory, "dovecot.log")],
    // It writes its pid when both ports listen, and not at all when one of them is taken.
    ready: async ([server]) => {
      const pid = await readFile(join(directory, "run/master.pid"), "utf8").catch(() => "");
      return pid === `${String(server?.pid)}\n`;
    },
  });
}
