// What can be done about failures that are not the server's words: by Node's code for the cause, and by ours.
import type { Pop3ErrorCode } from "../../errors.ts";

const UNKNOWN_AUTHORITY =
  "No authority that this machine trusts has signed it. Where the server is your own: give its certificate, or that of its authority, with --ca FILE.";
const NO_WAY = "No way leads there from here: is this machine on the network, and may it reach that port?";

/** By the code of Node's error. */
export const BY_CAUSE: Readonly<Record<string, string>> = {
  ENOTFOUND: "There is no server of that name: look for a slip in it.",
  EAI_AGAIN: "The name could not be looked up: is this machine on the network?",
  ECONNREFUSED:
    "Nothing listens at that port. POP3 is at 995 with TLS (pop3s://), and at 110 with STLS (pop3://). After many wrong passwords some hosters shut an address out in this way.",
  EHOSTUNREACH: NO_WAY,
  ENETUNREACH: NO_WAY,
  EACCES: NO_WAY,
  ETIMEDOUT: "Nobody answers: a firewall on the way, or the wrong name or port.",
  CERT_HAS_EXPIRED:
    "The certificate has expired, and the server needs a new one; or the clock of this machine is wrong.",
  CERT_NOT_YET_VALID: "The certificate is not valid yet: is the clock of this machine right?",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The certificate is for another name: give the server the name that stands in it.",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "The server does not send the whole chain of its certificate, or nobody here knows its authority: --ca FILE helps with both.",
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  ERR_SSL_UNSUPPORTED_PROTOCOL: "The server knows only versions of TLS that are not safe any more.",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "The server knows only versions of TLS that are not safe any more.",
  ENOSPC: "There is no room left where the mail goes.",
};

/** By our own code, where the cause says nothing. */
export const BY_CODE: Readonly<Partial<Record<Pop3ErrorCode, string>>> = {
  POP3_CONNECT_TIMEOUT:
    "Nobody answers: a firewall on the way, or the wrong name or port. After many wrong passwords some hosters shut an address out in this way.",
  POP3_TLS_TIMEOUT: "The port may be one without TLS: try pop3://.",
  POP3_GREETING_TIMEOUT: "The port may be one where TLS comes first, or none of POP3: try pop3s://.",
  POP3_BAD_GREETING: "It is no POP3 server: POP3 is at port 995 (pop3s://) or 110 (pop3://).",
  POP3_TLS_REQUIRED:
    "The server has no STLS: try pop3s://, which is TLS from the first octet. With ?stls=never behind the URL everything goes in clear, the password too.",
  POP3_TLS_INJECTION: "Somebody on the way to the server may be putting words into its mouth.",
  POP3_AUTH_REJECTED:
    "Look at name and password: many servers want the full address as name, and some an app password in place of the usual one.",
  POP3_TEMPORARY: "Try again later.",
  POP3_GREETING_REJECTED: "The server takes no session now. Try again later, with growing pauses.",
  POP3_AUTH_CLOSED: "That is how some servers answer a wrong password: look at name and password.",
  POP3_AUTH_NO_MECHANISM:
    "`popwright check` shows what the server takes: for XOAUTH2 or OAUTHBEARER give an access token (--token-command).",
  POP3_SCRAM_SERVER_SIGNATURE:
    "This may not be the server that you think it is: it does not know the password.",
  POP3_MAILBOX_BUSY:
    "Another run is at it: one at a time. If that run is dead, it is forgotten within minutes.",
  POP3_NO_UIDL:
    'Without unique-ids nobody can tell what was fetched before. "noUidl": "content" in the policy goes by the content, and retrieves everything each time.',
  POP3_UIDS_CHANGED:
    'The mailbox was moved or rebuilt. "uidsChanged" in the policy says what to do: "match" compares the messages by their headers, "new" takes all for new.',
  POP3_COMMIT_UNKNOWN: "Nothing is lost: the next run sees what is still there.",
};
