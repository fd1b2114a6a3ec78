// Courier reads its files from directories fixed at compile time, and all other settings from the environment.
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import type { Homes } from "./homes.ts";
import type { MailServerOptions } from "./mail-server.ts";
import type { MaildropOwner } from "./maildrop.ts";
import { gnutlsVersions } from "./tls-versions.ts";
import { run } from "./tool.ts";
import { unpackedLibraries, unpackedRoot } from "./unpacked.ts";

/** A password has no line end; a user's name has no control character, and no `|` in it. */
export interface CourierOptions extends MailServerOptions {
  /** What is offered in clear, and over TLS. @default all that Courier has: PLAIN, LOGIN, CRAM-MD5, CRAM-SHA1, CRAM-SHA256 */
  readonly mechanisms?: readonly string[];
  /** No password before TLS. @default false */
  readonly tlsRequired?: boolean;
}

const mechanisms: readonly string[] = ["PLAIN", "LOGIN", "CRAM-MD5", "CRAM-SHA1", "CRAM-SHA256"];

/** What the processes find in their environment. Paths are those below Courier's own root directory. */
export function courierEnvironment(options: CourierOptions): Record<string, string> {
  const offered = (options.mechanisms ?? mechanisms).join(" ");
  return {
    POP3AUTH: options.tlsRequired === true ? "" : offered,
    POP3AUTH_TLS: offered,
    POP3_PROXY: "0",
    POP3_TLS_REQUIRED: options.tlsRequired === true ? "1" : "0",
    // With it UTF8 is offered (RFC 6856).
    MIME_UNICODE_MESSAGE_TYPE: "message/global",
    COURIERTLS: "/usr/bin/couriertls",
    TLS_CERTFILE: "/etc/courier/server.pem",
    TLS_VERIFYPEER: "NONE",
    ...(options.tlsVersions === undefined ? {} : { TLS_PRIORITY: gnutlsVersions(options.tlsVersions) }),
  };
}

/** Where a server lives, and whose mail it has. */
interface CourierPlace {
  /** Courier's own root directory. */
  readonly root: string;
  readonly certificates: Certificates;
  readonly homes: Homes;
  readonly owner: MaildropOwner;
}

/** Writes what Courier reads below `/etc`, and makes what it writes to. */
export async function writeCourierFiles(options: CourierOptions, place: CourierPlace): Promise<void> {
  const { root, certificates, owner } = place;
  for (const directory of ["etc/courier", "run/courier/authdaemon", "dev", "tmp"])
    mkdirSync(join(root, directory), { recursive: true });
  // Whatever is read from it is at its end; and nothing worth keeping is written to it.
  writeFileSync(join(root, "dev/null"), "");
  chmodSync(join(root, "dev/null"), 0o666);
  writeFileSync(join(root, "etc/passwd"), `courier:x:${owner.uid}:${owner.gid}::/:/bin/false\n`);
  writeFileSync(join(root, "etc/group"), `courier:x:${owner.gid}:\n`);
  writeFileSync(
    join(root, "etc/courier/authdaemonrc"),
    ['authmodulelist="authuserdb"', "daemons=2", "authdaemonvar=/run/courier/authdaemon", ""].join("\n"),
  );
  const chain = await Promise.all([certificates.certificate, certificates.key].map((path) => readFile(path)));
  const certificate = join(root, "etc/courier/server.pem");
  writeFileSync(certificate, Buffer.concat(chain), { mode: 0o600 });
  chownSync(certificate, owner.uid, owner.gid);
  await writeUserdb(options, place);
}

/** Writes the two databases of users, one with where their mail is, one with their passwords. */
async function writeUserdb({ users }: CourierOptions, { root, homes, owner }: CourierPlace): Promise<void> {
  const env = { LD_LIBRARY_PATH: await unpackedLibraries("courier") };
  const program = (path: string): string => join(unpackedRoot("courier"), "usr", path);
  const hashed = async (kind: string, password: string): Promise<string> =>
    // It asks twice.
    (await run([program("sbin/userdbpw"), kind], { env, input: `${password}\n${password}\n` })).trim();
  const lines = { userdb: "", userdbshadow: "" };
  for (const [user, password] of Object.entries(users)) {
    if (!/^[^|\p{Cc}]+$/u.test(user)) throw new TypeError(`Not a user name: ${JSON.stringify(user)}`);
    const home = homes.path(user).slice(root.length);
    lines.userdb += `${user}\tuid=${owner.uid}|gid=${owner.gid}|home=${home}|mail=${home}/Maildir\n`;
    const passwords = [
      `systempw=${await hashed("-md5", password)}`,
      // One for each of the mechanisms by which a password does not go over the wire.
      ...(await Promise.all(
        ["hmac-md5", "hmac-sha1", "hmac-sha256"].map(
          async (kind) => `${kind}pw=${await hashed(`-${kind}`, password)}`,
        ),
      )),
    ];
    lines.userdbshadow += `${user}\t${passwords.join("|")}\n`;
  }
  for (const [name, text] of Object.entries(lines)) {
    const database = join(root, "etc/courier", `${name}.dat`);
    const makedat = program("lib/courier/courier-authlib/makedatprog");
    await run([makedat, "-", `${database}.new`, database], { env, input: `${text}.\n` });
  }
}
