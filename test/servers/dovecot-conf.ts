// Writes the whole configuration of Dovecot into one file: nothing below /etc/dovecot is read.
import type { Certificates } from "./certificates.ts";
import { dovecotAuth, type DovecotAuthOptions } from "./dovecot-auth.ts";
import type { MailServerOptions } from "./mail-server.ts";

/** A password may hold anything; a user's name has no colon, no control character and no `#` in front. */
export interface DovecotOptions extends MailServerOptions, DovecotAuthOptions {
  /**
   * `pop3_lock_session`: one session per maildrop at a time. A second login waits for the first session to end
   * and is let in within 2 ms of that; otherwise it gets `-ERR [IN-USE]` after 10 to 12 s and the connection is
   * closed. That time is compiled in. @default true
   */
  readonly lockSession?: boolean;
  /**
   * `mail_max_userip_connections`: sessions per user and client address. With 1, a second login gets
   * `-ERR [IN-USE]` within 2 ms and the connection is closed: the quick way to see one. A session counts from its
   * first answered command after the login, until a moment after its end. @default 1000
   */
  readonly maxConnections?: number;
  /**
   * `ssl = required`: no password before TLS. A client on the server's own address counts as secured all the
   * same; give it `localAddress: "127.0.0.2"` to be refused. @default false
   */
  readonly tlsRequired?: boolean;
  /** Whether the maildrops are served by IMAP as well, in clear and with TLS from the first octet. @default false */
  readonly imap?: boolean;
  /** More lines of dovecot.conf, which win over those above. */
  readonly settings?: string;
}

/** Where a server lives, and as whom. */
export interface DovecotPlace {
  readonly directory: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly imapPort: number;
  readonly imapsPort: number;
  readonly certificates: Certificates;
  /** Environment variables of every process, for what has no setting. */
  readonly env: Readonly<Record<string, string>>;
  /** Dovecot's own two users and their group: `dovecot` and `dovenull` for root, otherwise the caller. */
  readonly accounts: { readonly internal: string; readonly login: string; readonly group: string };
}

/** Gives the text of dovecot.conf. */
export function dovecotConf(options: DovecotOptions, place: DovecotPlace): string {
  const { directory, certificates, accounts } = place;
  return `
base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = ${directory}/dovecot.log
auth_verbose = yes
protocols = pop3${options.imap === true ? " imap" : ""}
listen = 127.0.0.1
default_internal_user = ${accounts.internal}
default_internal_group = ${accounts.group}
default_login_user = ${accounts.login}

ssl = ${options.tlsRequired === true ? "required" : "yes"}
ssl_cert = <${certificates.certificate}
ssl_key = <${certificates.key}
${options.tlsVersions === undefined ? "" : `ssl_min_protocol = ${options.tlsVersions.minVersion}`}

disable_plaintext_auth = ${options.tlsRequired === true ? "yes" : "no"}
${dovecotAuth(options, place)}
import_environment = $import_environment ${Object.keys(place.env).join(" ")}
userdb {
  driver = passwd-file
  args = ${directory}/users
}

first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = ${String(options.maxConnections ?? 1000)}
pop3_lock_session = ${options.lockSession === false ? "no" : "yes"}
pop3_uidl_format = %08Xu%08Xv
# Or a session that was dropped would still rename the files of messages it had read.
pop3_no_flag_updates = yes

# Refusals do not slow down those that follow: the socket on which they would be counted is closed to everybody.
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service pop3-login {
  chroot =
  # One process serves every connection: a new one for each costs some 8 ms.
  service_count = 0
  inet_listener pop3 {
    address = 127.0.0.1
    port = ${String(place.port)}
  }
  inet_listener pop3s {
    address = 127.0.0.1
    port = ${String(place.tlsPort)}
    ssl = yes
  }
}
service pop3 {
  process_limit = 200
}
${options.imap === true ? imapService(place) : ""}
${options.settings ?? ""}
`;
}

function imapService({ imapPort, imapsPort }: DovecotPlace): string {
  return `
service imap-login {
  chroot =
  service_count = 0
  inet_listener imap {
    address = 127.0.0.1
    port = ${String(imapPort)}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${String(imapsPort)}
    ssl = yes
  }
}
`;
}
