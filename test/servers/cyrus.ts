// A real Cyrus on loopback, all of its state in one temporary directory that goes when it stops.
import { chownSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createCertificates, createClientCertificate, type ClientCertificate } from "./certificates.ts";
import {
  cyrusConf,
  cyrusDirectories,
  cyrusProgram,
  imapdConf,
  lmtpSocket,
  sasldb,
  type CyrusOptions,
  type CyrusPlace,
} from "./cyrus-conf.ts";
import { CyrusSpool } from "./cyrus-spool.ts";
import { inDirectory } from "./directory.ts";
import { acceptorEnvironment } from "./kdc.ts";
import { launch } from "./launch.ts";
import { announceRecipients } from "./lmtp.ts";
import type { MaildropOwner } from "./maildrop.ts";
import { accepts, onFreePorts } from "./ports.ts";
import type { ServerProcess } from "./process.ts";
import { RunningServer } from "./running-server.ts";
import { opensslVersions } from "./tls-versions.ts";
import { run } from "./tool.ts";
import { unpackedLibraries, unpackedRoot } from "./unpacked.ts";

export type { CyrusOptions } from "./cyrus-conf.ts";

/** `log()` has what it writes to standard error. The rest goes to the log of the machine. */
export class Cyrus extends RunningServer {
  readonly name = "Cyrus";
  #spools: ReadonlyMap<string, CyrusSpool> = new Map();

  /** Starts a server. Rejects if Cyrus is not unpacked, or with Cyrus' own words if it does not start. */
  static async start(options: CyrusOptions): Promise<Cyrus> {
    return inDirectory("cyrus", async (directory) => {
      const { owner, account } = await identity();
      const certificates = await createCertificates(directory, options.certificateNames);
      chownSync(certificates.key, owner.uid, owner.gid);
      for (const name of cyrusDirectories) {
        mkdirSync(join(directory, name));
        chownSync(join(directory, name), owner.uid, owner.gid);
      }
      await createUsers(options, directory, owner);
      const env = {
        LD_LIBRARY_PATH: await unpackedLibraries("cyrus"),
        ...(await opensslVersions(directory, options.tlsVersions)),
        ...(options.kerberos === undefined ? {} : acceptorEnvironment(options.kerberos)),
      };
      return onFreePorts(2, async ([port = 0, tlsPort = 0]) => {
        const place = { directory, root: unpackedRoot("cyrus"), port, tlsPort, certificates, account };
        const cyrus = await new Cyrus(place, () => launchCyrus(options, place, env)).restart();
        try {
          cyrus.#spools = await createSpools(options, place, owner, env);
          return cyrus;
        } catch (error) {
          await cyrus.stop();
          throw error;
        }
      });
    });
  }

  private constructor(place: CyrusPlace, launchHere: () => Promise<ServerProcess[]>) {
    super({ ...place, ca: place.certificates.ca }, launchHere);
  }

  /**
   * Puts messages into a user's maildrop, with CRLF at the end of every line; else octets as they are. A session
   * that is open does not see them.
   */
  async deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#spool(user).deliver(messages);
  }

  /** The messages that lie in a user's maildrop now, in order of delivery. */
  async mailbox(user: string): Promise<Buffer[]> {
    return this.#spool(user).messages();
  }

  /** A certificate of which EXTERNAL takes `user`, if the server was started with `clientCertificates`. */
  async clientCertificate(user: string): Promise<ClientCertificate> {
    return createClientCertificate(this.directory, user);
  }

  #spool(user: string): CyrusSpool {
    const spool = this.#spools.get(user);
    if (spool === undefined) throw new TypeError(`No such user: ${user}`);
    return spool;
  }
}

/** Cyrus does not run as root; Debian has a user for mail on every machine. */
async function identity(): Promise<{ owner: MaildropOwner; account: string }> {
  const { uid, gid, username } = userInfo();
  if (uid !== 0) return { owner: { uid, gid }, account: username };
  const id = async (option: string): Promise<number> => Number(await run(["id", option, "mail"]));
  return { owner: { uid: await id("-u"), gid: await id("-g") }, account: "mail" };
}

/** Puts the passwords into a database from which each mechanism can be served. */
async function createUsers(options: CyrusOptions, directory: string, owner: MaildropOwner): Promise<void> {
  const database = sasldb(directory);
  for (const [user, password] of Object.entries({ ...options.users, ...options.masters }))
    await run(["saslpasswd2", "-p", "-c", "-f", database, "-u", "localhost", user], { input: password });
  chownSync(database, owner.uid, owner.gid);
}

async function launchCyrus(
  options: CyrusOptions,
  place: CyrusPlace,
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess[]> {
  const { directory, root, port, tlsPort } = place;
  const files = { imapd: join(directory, "imapd.conf"), cyrus: join(directory, "cyrus.conf") };
  await writeFile(files.imapd, imapdConf(options, place));
  await writeFile(files.cyrus, cyrusConf(options, place));
  // It makes the databases, and tells what is wrong with the settings. `master` tells that to the machine's log only.
  await cyrusTool(place, env, "ctl_cyrusdb", "-r");
  const pidFile = join(directory, "run/master.pid");
  const output = join(directory, "output.log");
  return launch({
    name: "Cyrus",
    processes: [
      {
        command: [cyrusProgram(root, "master"), "-D", "-C", files.imapd, "-M", files.cyrus, "-p", pidFile],
        directory,
        env,
        output,
      },
    ],
    ready: async () => {
      // The last service in cyrus.conf: the ports were tried before, and what went wrong is not said.
      if (!(await accepts(lmtpSocket(directory)))) return false;
      if ((await accepts(port)) && (await accepts(tlsPort))) return true;
      throw new Error("Address already in use");
    },
  });
}

/** Makes each user's maildrop, and finds it. */
async function createSpools(
  options: CyrusOptions,
  place: CyrusPlace,
  owner: MaildropOwner,
  env: Readonly<Record<string, string>>,
): Promise<Map<string, CyrusSpool>> {
  const users = Object.keys(options.users);
  await announceRecipients(lmtpSocket(place.directory), users);
  const paths = (await cyrusTool(place, env, "mbpath", ...users.map((user) => `user/${user}`)))
    .trim()
    .split("\n");
  return new Map(
    users.map((user, index) => {
      const reconstruct = (): Promise<string> => cyrusTool(place, env, "reconstruct", `user/${user}`);
      return [user, new CyrusSpool(paths[index] ?? "", owner, reconstruct)];
    }),
  );
}

async function cyrusTool(
  { directory, root }: CyrusPlace,
  env: Readonly<Record<string, string>>,
  name: string,
  ...args: string[]
): Promise<string> {
  return run([cyrusProgram(root, name), "-C", join(directory, "imapd.conf"), ...args], { env });
}
