// Who is let in by Dovecot, and with what: for each mechanism the database that knows the answer.
import { chmodSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DovecotPlace } from "./dovecot-conf.ts";
import type { Homes } from "./homes.ts";
import type { KerberosRealm } from "./kdc.ts";
import type { MailServerOptions, SaslOptions } from "./mail-server.ts";
import type { MaildropOwner } from "./maildrop.ts";

export interface DovecotAuthOptions extends SaslOptions {
  /** XOAUTH2 and OAUTHBEARER: the key of `signToken`. */
  readonly tokenKey?: Buffer;
  /** ANONYMOUS: the user whose maildrop is everybody's. */
  readonly anonymousUser?: string;
}

const ofPasswords = ["plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256", "apop"];
const ofTokens = ["xoauth2", "oauthbearer"];
const ofKerberos = ["gssapi", "gss-spnego"];

/** Gives `auth_mechanisms`. */
function mechanisms(options: DovecotAuthOptions): readonly string[] {
  return (
    options.mechanisms ?? [
      ...ofPasswords,
      ...(options.clientCertificates === true ? ["external"] : []),
      ...(options.tokenKey === undefined ? [] : ofTokens),
      ...(options.kerberos === undefined ? [] : ofKerberos),
      ...(options.anonymousUser === undefined ? [] : ["anonymous"]),
    ]
  );
}

/** Gives the settings that say who is let in, with what. */
export function dovecotAuth(options: DovecotAuthOptions, { directory, certificates }: DovecotPlace): string {
  return `
auth_mechanisms = ${mechanisms(options).join(" ")}
# Names as they are: the defaults fold case and allow only ASCII letters, digits and a few marks. A principal of
# Kerberos ends with its realm, which user names here do not have.
auth_username_format = ${options.kerberos === undefined ? "%u" : "%n"}
auth_username_chars =
auth_failure_delay = 0
# Without "nodelay" a wrong PASS is still answered on the next half second only. It has to come from a database
# that lets everybody through to the next one: what a database says of a wrong password is forgotten.
passdb {
  driver = static
  args = noauthenticate=y nodelay=y
}
passdb {
  driver = passwd-file
  master = yes
  args = ${directory}/masters
}
passdb {
  driver = passwd-file
  mechanisms = ${ofPasswords.join(" ")}
  args = ${directory}/users
}
# These mechanisms have authenticated the client before the lookup.
passdb {
  driver = passwd-file
  mechanisms = ${["external", "anonymous", ...ofKerberos].join(" ")}
  args = ${directory}/names
}
${options.tokenKey === undefined ? "" : tokens(directory)}
${options.clientCertificates === true ? clientCertificates(certificates.caFile) : ""}
${options.kerberos === undefined ? "" : kerberos(options.kerberos)}
${options.anonymousUser === undefined ? "" : `auth_anonymous_username = ${options.anonymousUser}`}
`;
}

function tokens(directory: string): string {
  return `
passdb {
  driver = oauth2
  mechanisms = ${ofTokens.join(" ")}
  args = ${directory}/oauth2.conf
}
`;
}

function clientCertificates(authority: string): string {
  return `
ssl_ca = <${authority}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
`;
}

function kerberos({ keytab }: KerberosRealm): string {
  return `
auth_krb5_keytab = ${keytab}
# Whichever of its keys the client has a ticket for.
auth_gssapi_hostname = "$ALL"
`;
}

/** Writes what the settings name: who is known, with which password, and the key of tokens. */
export async function writeDovecotAuth(
  { users, masters = {}, tokenKey }: DovecotAuthOptions & MailServerOptions,
  homes: Homes,
  owner: MaildropOwner,
  directory: string,
): Promise<void> {
  const { uid, gid } = owner;
  const account = (user: string): string => `${uid}:${gid}::${homes.path(user)}::`;
  const files = {
    users: passwdFile(users, (user, password) => `${password}:${account(user)}`),
    names: passwdFile(users, () => "::::::nopassword=y"),
    masters: passwdFile(masters, (_, password) => password),
  };
  for (const [name, lines] of Object.entries(files)) {
    await writeFile(join(directory, name), lines);
    // Dovecot's own user reads it, whatever the umask.
    chmodSync(join(directory, name), 0o644);
  }
  if (tokenKey !== undefined) await writeTokenKey(tokenKey, directory);
}

/** A line for each name. A password is kept as it is, which alone serves every mechanism; in base64, for a colon would end it. */
function passwdFile(
  passwords: Readonly<Record<string, string>>,
  fields: (user: string, password: string) => string,
): string {
  return Object.entries(passwords)
    .map(([user, password]) => {
      if (!/^[^:#\p{Cc}][^:\p{Cc}]*$/u.test(user))
        throw new TypeError(`Not a user name: ${JSON.stringify(user)}`);
      return `${user}:${fields(user, `{PLAIN.b64}${Buffer.from(password).toString("base64")}`)}\n`;
    })
    .join("");
}

/** Writes the key of tokens into a file, so that no authority is asked over HTTP. */
async function writeTokenKey(key: Buffer, directory: string): Promise<void> {
  // Looked up by the application that the token is for, its algorithm and the name of its key.
  const path = join(directory, "tokens/default/HS256");
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "default"), key.toString("base64"));
  await writeFile(
    join(directory, "oauth2.conf"),
    `
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=${directory}/tokens/
username_attribute = sub
username_format = %u
# A refusal tells of it.
openid_configuration_url = https://auth.example.test/.well-known/openid-configuration
`,
  );
}
