// Advice for failures that the server does not explain itself: by the code of Node's error, and by our code.
import type { Pop3ErrorCode } from "../errors.ts";
import { TOO_MANY_FILES } from "./files.ts";

const UNKNOWN_AUTHORITY =
  "The certificate is not signed by an authority that this machine trusts. If the server is your own, pass its certificate, or the one of its authority, with --ca FILE.";
const NO_WAY =
  "This machine cannot reach the server. Check that it is on the network, and that no firewall blocks the port.";

const OLD_TLS =
  'The server supports only versions of TLS that are no longer safe. Ask its operator to update it. Until then the library connects with tls: { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }: see "Old servers" in docs/options.md.';
const NO_CIPHER =
  'Server and client have no cipher or signature algorithm in common, or the server wants a client certificate. An old server offers only ciphers that are no longer safe: ask its operator to update it. Until then the library connects with tls: { ciphers: "DEFAULT@SECLEVEL=0" }: see "Old servers" in docs/options.md.';
const WEAK_KEY =
  'The server uses a key or a signature that is too weak today. Ask its operator for a new one. Until then the library connects with tls: { ciphers: "DEFAULT@SECLEVEL=0" }: see "Old servers" in docs/options.md.';

/** By the code of Node's error. */
const BY_CAUSE: Readonly<Record<string, string>> = {
  ENOTFOUND: "There is no server with this name. Check the name for typos.",
  EAI_AGAIN: "The DNS lookup failed for now. Check that this machine is on the network.",
  ECONNREFUSED:
    "Nothing listens at that port. POP3 uses port 995 with TLS (pop3s://) and port 110 with STLS (pop3://). Some providers also block an address in this way after many wrong passwords.",
  EHOSTUNREACH: NO_WAY,
  ENETUNREACH: NO_WAY,
  EACCES: NO_WAY,
  EMFILE: TOO_MANY_FILES,
  ETIMEDOUT:
    "The server does not answer. Check the name and the port, and whether a firewall blocks the connection.",
  CERT_HAS_EXPIRED:
    "The certificate has expired, so the server needs a new one, or the clock of this machine is wrong.",
  CERT_NOT_YET_VALID: "The certificate is not valid yet. Check the clock of this machine.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The certificate is for another name. Use the server name that the certificate contains.",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "The server does not send its whole certificate chain, or this machine does not trust its authority. --ca FILE helps in both cases.",
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OLD_TLS,
  ERR_SSL_VERSION_TOO_LOW: OLD_TLS,
  ERR_SSL_ALERT_PROTOCOL_VERSION: OLD_TLS,
  ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
    'The server does not support secure renegotiation (RFC 5746), so it has not been updated since 2010, or an old TLS device is in front of it. Ask its operator to update it. Until then the library connects with tls: { secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT } of node:crypto: see "Old servers" in docs/options.md.',
  ERR_SSL_ALERT_HANDSHAKE_FAILURE: NO_CIPHER,
  ERR_SSL_ALERT_INSUFFICIENT_SECURITY: NO_CIPHER,
  ERR_SSL_NO_SHARED_CIPHER: NO_CIPHER,
  ERR_SSL_WRONG_CIPHER_RETURNED: NO_CIPHER,
  ERR_SSL_NO_CIPHERS_AVAILABLE: NO_CIPHER,
  ERR_SSL_DH_KEY_TOO_SMALL: WEAK_KEY,
  ERR_SSL_BAD_DH_VALUE: WEAK_KEY,
  ERR_SSL_EE_KEY_TOO_SMALL: WEAK_KEY,
  ERR_SSL_CA_KEY_TOO_SMALL: WEAK_KEY,
  ERR_SSL_CA_MD_TOO_WEAK: WEAK_KEY,
  ERR_SSL_WRONG_SIGNATURE_TYPE: WEAK_KEY,
  ERR_SSL_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED: WEAK_KEY,
  EE_KEY_TOO_SMALL: WEAK_KEY,
  CA_KEY_TOO_SMALL: WEAK_KEY,
  CA_MD_TOO_WEAK: WEAK_KEY,
  ERR_SSL_ALERT_CERTIFICATE_REQUIRED:
    "The server requires a client certificate: the options cert and key of tls in the library.",
  ERR_SSL_UNRECOGNIZED_NAME: "The server does not know this name. Use the name that its operator gives.",
};

/** Returns advice for the code of Node's error, if there is any. */
export function adviceFor(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  // OpenSSL names an alert after the version that introduced it, and a newer OpenSSL names it differently.
  const alert = code.replace(/^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS|TLS)_(?:ALERT_)?/, "ERR_SSL_ALERT_");
  return BY_CAUSE[code] ?? BY_CAUSE[alert] ?? BY_CAUSE[alert.replace("_ALERT_", "_")];
}

/** By our own code, if there is no advice for the code of Node's error. */
export const BY_CODE: Readonly<Partial<Record<Pop3ErrorCode, string>>> = {
  POP3_CONNECT_TIMEOUT:
    "The server does not answer. Check the name and the port, and whether a firewall blocks the connection. Some providers also block an address in this way after many wrong passwords.",
  POP3_TLS_TIMEOUT: "The port may be one without TLS. Try pop3://.",
  POP3_GREETING_TIMEOUT: "The port may begin with TLS, or belong to another protocol. Try pop3s://.",
  POP3_BAD_GREETING: "This is not a POP3 server. POP3 uses port 995 (pop3s://) or 110 (pop3://).",
  POP3_TLS_REQUIRED:
    "The server does not offer STLS. Try pop3s://, which is TLS from the first byte. With ?stls=never at the end of the URL everything is sent in clear text, including the password.",
  POP3_TLS_INJECTION: "An attacker on the network may have inserted data into the session.",
  POP3_AUTH_REJECTED:
    "Check the user name and the password. Many servers require the full address as the user name, and some require an app password instead of the usual one.",
  POP3_TEMPORARY: "Try again later.",
  POP3_GREETING_REJECTED: "The server does not accept a session now. Try again later, with growing pauses.",
  POP3_AUTH_CLOSED: "This is how some servers answer a wrong password. Check the user name and the password.",
  POP3_AUTH_NO_MECHANISM:
    "`popwright check` shows the login methods that the server accepts. XOAUTH2 and OAUTHBEARER need an access token (--login, --token-command).",
  POP3_TOKEN_REFUSED:
    'Sign in again with `popwright login`. At Google a sign-in ends after seven days while the consent screen of the client is in "Testing": publish it, then sign in again. It also ends when the password of the account changes.',
  POP3_TOKEN_UNAVAILABLE:
    "The mail server was not asked yet: its access token comes from the token server. Check that this machine reaches it, and try again later.",
  POP3_SCRAM_SERVER_SIGNATURE: "The server does not know the password, so it may be an impostor.",
  POP3_MAILBOX_BUSY:
    "Another run uses this mailbox. Wait until it ends. If that run has crashed, its lock expires within minutes.",
  POP3_LEASE_LOST:
    "Nothing is lost: the run that has the mailbox now continues. This run was stopped, or the machine slept.",
  POP3_MAILBOX_POISON:
    "Look at the logs and at the memory limit of the process. `popwright fetch --force` tries again at once.",
  POP3_HOST_BUSY:
    "Other sessions have all the places on this host. Try again at the time that the error names.",
  POP3_NO_UIDL:
    'Without unique-ids popwright cannot tell which messages were fetched before. "noUidl": "content" in the policy compares the content, and retrieves every message in each run.',
  POP3_UIDS_CHANGED:
    'The mailbox was moved or rebuilt. Set "uidsChanged" in the policy: "match" compares the messages by their headers, "new" treats all messages as new.',
  POP3_COMMIT_UNKNOWN: "Nothing is lost: the next run sees which messages still exist.",
};
