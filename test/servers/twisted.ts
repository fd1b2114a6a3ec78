// A real Twisted on loopback, with all of its state in one temporary directory that goes when it stops.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createCertificates } from "./certificates.ts";
import { inDirectory } from "./directory.ts";
import { Homes } from "./homes.ts";
import { launch } from "./launch.ts";
import { lfLines } from "./lines.ts";
import type { MailServerOptions } from "./mail-server.ts";
import { maildropOwner } from "./maildrop.ts";
import { accepts, onFreePorts } from "./ports.ts";
import { RunningServer, type ServerPlace } from "./running-server.ts";
import { opensslVersions } from "./tls-versions.ts";

/** It has no STLS. Several sessions may have one maildrop, and each sees the messages that were there when it began. */
export class Twisted extends RunningServer {
  readonly name = "Twisted";
  readonly #homes: Homes;

  /** Starts a server. Rejects with Python's own words if it does not start or Twisted is not installed. */
  static async start(options: MailServerOptions): Promise<Twisted> {
    return inDirectory("twisted", async (directory) => {
      const homes = new Homes(directory, Object.keys(options.users), maildropOwner());
      const { ca, certificate, key } = await createCertificates(directory, options.certificateNames);
      const env = await opensslVersions(directory, options.tlsVersions);
      const users = Object.fromEntries(
        Object.entries(options.users).map(([user, password]) => [
          user,
          { password, maildir: join(homes.path(user), "Maildir") },
        ]),
      );
      return onFreePorts(2, async ([port = 0, tlsPort = 0]) => {
        const configuration = join(directory, "twisted.json");
        await writeFile(configuration, JSON.stringify({ port, tlsPort, certificate, key, users }));
        return new Twisted({ directory, configuration, env, port, tlsPort, ca }, homes).restart();
      });
    });
  }

  private constructor(
    place: ServerPlace & {
      readonly configuration: string;
      readonly env: Readonly<Record<string, string>>;
    },
    homes: Homes,
  ) {
    const { directory, configuration, env, port, tlsPort } = place;
    // Debian's own Python, which python3-twisted is for.
    const command = [
      "/usr/bin/python3",
      join(import.meta.dirname, "twisted_pop3.py"),
      configuration,
    ] as const;
    super(place, () =>
      launch({
        name: "Twisted",
        processes: [{ command: [...command], directory, env, output: join(directory, "output.log") }],
        ready: async () => (await accepts(port)) && (await accepts(tlsPort)),
      }),
    );
    this.#homes = homes;
  }

  /** Puts messages into a user's maildrop, with LF at the end of every line. A session that is open does not see them. */
  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const maildrop = this.#homes.maildrop(user);
    for await (const message of messages) await maildrop.deliver([lfLines(message)]);
  }

  /** The messages that lie in a user's maildrop now, in order of delivery, with LF at the end of every line. */
  async mailbox(user: string): Promise<Buffer[]> {
    return this.#homes.maildrop(user).messages();
  }

  /** How many messages lie in a user's maildrop now. */
  async count(user: string): Promise<number> {
    return this.#homes.maildrop(user).count();
  }

  async clear(user: string): Promise<void> {
    await this.#homes.maildrop(user).clear();
  }
}
