// A real Courier on loopback, all of its state in one temporary directory that goes when it stops.
import { cp } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createCertificates } from "./certificates.ts";
import { courierEnvironment, writeCourierFiles, type CourierOptions } from "./courier-conf.ts";
import { inDirectory } from "./directory.ts";
import { Homes } from "./homes.ts";
import { launch } from "./launch.ts";
import { lfLines } from "./lines.ts";
import { maildropOwner } from "./maildrop.ts";
import { accepts, onFreePorts } from "./ports.ts";
import type { ServerProcess, ServerProcessOptions } from "./process.ts";
import { RunningServer, type ServerPlace } from "./running-server.ts";
import { notInstalled } from "./tool.ts";
import { unpackedRoot } from "./unpacked.ts";

export type { CourierOptions } from "./courier-conf.ts";

/** A wrong password is answered after 5 s: that time is compiled in. */
export class Courier extends RunningServer {
  readonly name = "Courier";
  readonly #homes: Homes;

  /** Starts a server. Rejects if Courier is not unpacked, or with Courier's own words if it does not start. */
  static async start(options: CourierOptions): Promise<Courier> {
    return inDirectory("courier", async (directory) => {
      // All its paths are compiled in, so that it gets a root directory of its own.
      const root = join(directory, "root");
      await cp(unpackedRoot("courier"), root, { recursive: true, verbatimSymlinks: true }).catch(
        (cause: unknown) => {
          throw notInstalled("Courier", cause) ?? cause;
        },
      );
      const owner = maildropOwner();
      const homes = new Homes(root, Object.keys(options.users), owner);
      const certificates = await createCertificates(directory, options.certificateNames);
      await writeCourierFiles(options, { root, certificates, homes, owner });
      return onFreePorts(2, async ([port = 0, tlsPort = 0]) => {
        const place = { directory, port, tlsPort, ca: certificates.ca };
        const launchHere = (): Promise<ServerProcess[]> =>
          launch({
            name: "Courier",
            processes: courierProcesses(options, directory, root, port, tlsPort),
            ready: async () =>
              (await accepts(join(root, "run/courier/authdaemon/socket"))) &&
              (await accepts(port)) &&
              (await accepts(tlsPort)),
          });
        return new Courier(place, homes, launchHere).restart();
      });
    });
  }

  private constructor(place: ServerPlace, homes: Homes, launchHere: () => Promise<ServerProcess[]>) {
    super(place, launchHere);
    this.#homes = homes;
  }

  /**
   * Puts messages into a user's maildrop, with LF at the end of every line: Courier sends a CR with each, and would
   * with CRLF send two. A session that is open does not see them.
   */
  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const maildrop = this.#homes.maildrop(user);
    for await (const message of messages) await maildrop.deliver([lfLines(message)]);
  }

  /** The messages that lie in a user's maildrop now, in order of delivery, with LF at the end of every line. */
  async mailbox(user: string): Promise<Buffer[]> {
    return this.#homes.maildrop(user).messages();
  }
}

/** One process knows the passwords; each port has another. */
function courierProcesses(
  options: CourierOptions,
  directory: string,
  root: string,
  port: number,
  tlsPort: number,
): ServerProcessOptions[] {
  const { uid, gid } = userInfo();
  // Only root may change the root directory: others become root in a namespace of their own, and are themselves in it.
  const namespace = uid === 0 ? [] : ["--user", `--map-user=${uid}`, `--map-group=${gid}`];
  const env = courierEnvironment(options);
  const output = join(directory, "output.log");
  const process = (own: Record<string, string>, ...command: string[]): ServerProcessOptions => ({
    command: ["unshare", ...namespace, `--root=${root}`, ...command],
    directory,
    env: { ...env, ...own },
    output,
  });
  const listen = ["/usr/sbin/couriertcpd", "-address=127.0.0.1", "-maxprocs=200", "-maxperip=200"];
  const lookups = ["-nodnslookup", "-noidentlookup"];
  const session = ["courierpop3login", "courierpop3d"].map((name) => `/usr/lib/courier/courier/${name}`);
  return [
    process({}, "/usr/lib/courier/courier-authlib/authdaemond"),
    process({ POP3_STARTTLS: "YES" }, ...listen, ...lookups, String(port), ...session, "Maildir"),
    process(
      { POP3_STARTTLS: "NO", POP3_TLS: "1", POP3_TLS_REQUIRED: "0" },
      ...listen,
      ...lookups,
      String(tlsPort),
      ...["/usr/bin/couriertls", "-server", "-tcpd"],
      ...session,
      "Maildir",
    ),
  ];
}
