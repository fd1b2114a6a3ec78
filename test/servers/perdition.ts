// A real Perdition on loopback: a proxy, which takes the login and passes on everything after it. A Dovecot has the mail.
import { userInfo } from "node:os";
import { join } from "node:path";
import { createCertificates, type Certificates } from "./certificates.ts";
import { inDirectory } from "./directory.ts";
import { Dovecot, type DovecotOptions } from "./dovecot.ts";
import { launch } from "./launch.ts";
import type { MailServerOptions } from "./mail-server.ts";
import { accepts, onFreePorts } from "./ports.ts";
import type { ServerProcess } from "./process.ts";
import { RunningServer } from "./running-server.ts";
import { opensslVersions } from "./tls-versions.ts";
import { run } from "./tool.ts";
import { unpackedRoot } from "./unpacked.ts";

/** Of the versions of TLS only the highest can be chosen. A user's name has no space. */
export interface PerditionOptions
  extends MailServerOptions, Pick<DovecotOptions, "lockSession" | "maxConnections" | "settings"> {
  /** What CAPA lists before the login, where Perdition itself answers. @default UIDL and USER, and STLS */
  readonly capabilities?: readonly string[];
}

interface PerditionPlace {
  readonly directory: string;
  readonly certificates: Certificates;
  readonly port: number;
  readonly tlsPort: number;
}

/** `kill()` ends the proxy, and with it every session. Dovecot goes on. */
export class Perdition extends RunningServer {
  readonly name = "Perdition";
  /** The server that has the mail. */
  readonly behind: Dovecot;

  /** Starts both servers. Rejects if one is not installed, or with its own words if it does not start. */
  static async start(options: PerditionOptions): Promise<Perdition> {
    const { users, lockSession = true, maxConnections = 1000, settings = "" } = options;
    const dovecot = await Dovecot.start({ users, lockSession, maxConnections, settings });
    try {
      return await inDirectory("perdition", async (directory) => {
        const certificates = await createCertificates(directory, options.certificateNames);
        return onFreePorts(2, async ([port = 0, tlsPort = 0]) => {
          const place = { directory, certificates, port, tlsPort };
          return new Perdition(place, dovecot, () => launchPerdition(options, place, dovecot.port)).restart();
        });
      });
    } catch (error) {
      await dovecot.stop();
      throw error;
    }
  }

  private constructor(place: PerditionPlace, dovecot: Dovecot, launchHere: () => Promise<ServerProcess[]>) {
    super({ ...place, ca: place.certificates.ca }, launchHere);
    this.behind = dovecot;
  }

  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.behind.deliver(user, messages);
  }

  async mailbox(user: string): Promise<Buffer[]> {
    return this.behind.mailbox(user);
  }

  /** How many messages lie in a user's maildrop now. */
  async count(user: string): Promise<number> {
    return this.behind.count(user);
  }

  async clear(user: string): Promise<void> {
    await this.behind.clear(user);
  }

  /** Ends both servers and removes their directories. */
  override async stop(): Promise<void> {
    await super.stop();
    await this.behind.stop();
  }
}

async function launchPerdition(
  options: PerditionOptions,
  { directory, certificates, port, tlsPort }: PerditionPlace,
  behind: number,
): Promise<ServerProcess[]> {
  const { user, group } = await account();
  const env = await opensslVersions(directory, options.tlsVersions);
  const output = join(directory, "output.log");
  // Each process has one port.
  const process = (protocol: string, own: number, mode: string) => ({
    command: [
      join(unpackedRoot("perdition"), "usr/sbin/perdition"),
      // No configuration of the machine, no database of users, no names of hosts, no file with its pid.
      ...["--config_file", "/dev/null", "--map_library", "", "--no_lookup", "--pid_file", ""],
      ...["--no_daemon", "--log_facility", "-", "--username", user, "--group", group],
      ...["--protocol", protocol, "--bind_address", "127.0.0.1", "--listen_port", String(own)],
      ...["--outgoing_server", `127.0.0.1:${behind}`, "--ssl_mode", mode],
      ...["--ssl_cert_file", certificates.certificate, "--ssl_key_file", certificates.key],
      ...(options.capabilities === undefined ? [] : ["--pop_capability", options.capabilities.join(".")]),
    ] as const satisfies [string, ...string[]],
    directory,
    env,
    output,
  });
  try {
    return await launch({
      name: "Perdition",
      processes: [process("POP3", port, "tls_listen"), process("POP3S", tlsPort, "ssl_listen")],
      ready: async () => (await accepts(port)) && (await accepts(tlsPort)),
    });
  } catch (cause) {
    // It does not say why.
    if (!String(cause).includes("Fatal error listening")) throw cause;
    throw new Error("Perdition did not start: Address already in use", { cause });
  }
}

/** As root, Perdition gives up what root may do. */
async function account(): Promise<{ readonly user: string; readonly group: string }> {
  const { uid, username } = userInfo();
  if (uid === 0) return { user: "nobody", group: "nogroup" };
  return { user: username, group: (await run(["id", "-gn"])).trim() };
}
