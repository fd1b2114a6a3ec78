// Everything Cyrus does is in the two files written here: imapd.conf and cyrus.conf.
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import type { MailServerOptions, SaslOptions } from "./mail-server.ts";

/** A password has no line end; a user's name consists of what Cyrus allows in the name of a mailbox. */
export interface CyrusOptions extends MailServerOptions, SaslOptions {
  /** `popminpoll`: minutes before the same user may log in again. It is announced as LOGIN-DELAY. @default 0 */
  readonly minPoll?: number;
  /**
   * `tls_session_timeout`: minutes for which a TLS session may be resumed. Each process has a key of its own
   * for that, so that there is one for each port then, which serves one client at a time. @default 0: none is
   */
  readonly tlsSessionTimeout?: number;
  /** `allowplaintext`: whether USER, PLAIN and LOGIN are let in without TLS. @default true */
  readonly allowPlaintext?: boolean;
  /** More lines of imapd.conf. */
  readonly settings?: string;
}

/** Where a server lives, and as whom. */
export interface CyrusPlace {
  readonly directory: string;
  /** Where Cyrus is unpacked. */
  readonly root: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly certificates: Certificates;
  /** The system's user as whom it runs. */
  readonly account: string;
}

const ofPasswords = [
  "PLAIN",
  "LOGIN",
  "CRAM-MD5",
  "DIGEST-MD5",
  "SCRAM-SHA-1",
  "SCRAM-SHA-256",
  "SCRAM-SHA-512",
];

/** Gives `sasl_mech_list`. Over TLS, SCRAM brings its `-PLUS` with it. */
function mechanisms(options: CyrusOptions): readonly string[] {
  return (
    options.mechanisms ?? [
      ...ofPasswords,
      ...(options.clientCertificates === true ? ["EXTERNAL"] : []),
      ...(options.kerberos === undefined ? [] : ["GSSAPI", "GSS-SPNEGO"]),
    ]
  );
}

/** A line of imapd.conf, which does not allow an empty value. */
const setting = (name: string, values: readonly string[]): string =>
  values.length === 0 ? "" : `${name}: ${values.join(" ")}`;

const yes = (value: boolean): string => (value ? "yes" : "no");

/** The directories that Cyrus writes to. They must exist, and be its own. */
export const cyrusDirectories: readonly string[] = [
  "state",
  "state/socket",
  "spool",
  "run",
  "run/proc",
  "run/lock",
];

/** Gives the text of imapd.conf. */
export function imapdConf(options: CyrusOptions, { directory, certificates, account }: CyrusPlace): string {
  return `
cyrus_user: ${account}
servername: localhost
configdirectory: ${directory}/state
defaultpartition: default
partition-default: ${directory}/spool
proc_path: ${directory}/run/proc
mboxname_lockpath: ${directory}/run/lock
lmtpsocket: ${lmtpSocket(directory)}
umask: 077
${setting("admins", Object.keys(options.masters ?? {}))}

# A dot in a user's name parts nothing.
unixhierarchysep: yes
virtdomains: off
# Whoever mail is announced for has a maildrop from then on, without a limit.
autocreate_quota: 0
autocreate_post: yes
${setting("autocreate_users", Object.keys(options.users))}
# What is deleted is gone when the session ends.
expunge_mode: immediate
conversations: no

allowplaintext: ${yes(options.allowPlaintext !== false)}
allowapop: yes
failedloginpause: 0
popminpoll: ${options.minPoll ?? 0}
${setting("sasl_mech_list", mechanisms(options))}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${sasldb(directory)}
sasl_auto_transition: no

tls_server_cert: ${certificates.certificate}
tls_server_key: ${certificates.key}
tls_session_timeout: ${options.tlsSessionTimeout ?? 0}
${setting("tls_client_ca_file", options.clientCertificates === true ? [certificates.caFile] : [])}
tls_client_certs: ${options.clientCertificates === true ? "optional" : "off"}
${options.settings ?? ""}
`;
}

/** Gives the text of cyrus.conf: the services that `master` runs. */
export function cyrusConf(options: CyrusOptions, { directory, root, port, tlsPort }: CyrusPlace): string {
  const children = options.tlsSessionTimeout === undefined ? 100 : 1;
  const program = (name: string, ...args: string[]): string =>
    `cmd="${[cyrusProgram(root, name), "-C", join(directory, "imapd.conf"), ...args].join(" ")}"`;
  return `
START {
}
SERVICES {
  pop3 ${program("pop3d")} listen="127.0.0.1:${port}" prefork=1 maxchild=${children}
  pop3s ${program("pop3d", "-s")} listen="127.0.0.1:${tlsPort}" prefork=1 maxchild=${children}
  lmtp ${program("lmtpd", "-a")} listen="${lmtpSocket(directory)}" prefork=0 maxchild=1
}
EVENTS {
}
`;
}

/** Path of one of Cyrus' programs. */
export function cyrusProgram(root: string, name: string): string {
  return join(root, "usr/lib/cyrus/bin", name);
}

/** Path of the socket that takes mail. */
export function lmtpSocket(directory: string): string {
  return join(directory, "run/lmtp");
}

/** Path of the database of passwords. */
export function sasldb(directory: string): string {
  return join(directory, "state/sasldb");
}
