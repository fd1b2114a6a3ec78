// What says little of who says it: other protocols, response codes, and words that many use.
import type { KnownText } from "./known-text.ts";

const OTHER_PORT = "POP3 is at port 995 (pop3s://) or 110 (pop3://).";

export const ANYBODY: readonly KnownText[] = [
  {
    id: "smtp",
    pattern: /^220[ -]/i,
    at: "greeting",
    kind: "protocol",
    cause: "This is an SMTP server.",
    advice: OTHER_PORT,
    passes: false,
  },
  {
    id: "imap",
    pattern: /^\* (?:OK|PREAUTH|BYE)/i,
    at: "greeting",
    kind: "protocol",
    cause: "This is an IMAP server.",
    advice: OTHER_PORT,
    passes: false,
  },
  {
    id: "http",
    pattern: /^HTTP\/\d/i,
    at: "greeting",
    kind: "protocol",
    cause: "This is a web server.",
    advice: OTHER_PORT,
    passes: false,
  },
  {
    id: "code-auth",
    pattern: /^\[AUTH\]/i,
    at: "login",
    kind: "credentials",
    cause: "The name or the password is refused.",
    advice: "The provider may want an app password or OAuth2, or POP may be switched off.",
    passes: false,
  },
  {
    id: "code-sys-temp",
    pattern: /^\[SYS\/TEMP\]/i,
    at: "anywhere",
    kind: "temporary",
    cause: "The server has trouble of its own.",
    advice: "Try again later, with growing pauses.",
    passes: true,
  },
  {
    id: "code-sys-perm",
    pattern: /^\[SYS\/PERM\]/i,
    at: "anywhere",
    kind: "switched-off",
    cause: "The server will not do this for this account.",
    advice: "Look at the provider's settings: POP may be switched off, or not be a part of the plan.",
    passes: false,
  },
  {
    id: "refused",
    pattern:
      /authenti?cation failed|invalid (?:login|user|credentials)|incorrect (?:user ?name|login)|unable to log on|login fail|password (?:is )?(?:in)?correct|authorization failed/i,
    at: "login",
    kind: "credentials",
    cause:
      "The login is refused. At GMX, WEB.DE, mail.com, 163 and Outlook.com this mostly means that POP is off.",
    advice:
      "Switch POP on, then look whether an app password is needed, then at the password itself. At WEB.DE wait 15 minutes between two logins.",
    passes: false,
  },
];
