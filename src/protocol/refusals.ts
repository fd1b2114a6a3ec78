// Maps the texts of refusals to their meanings, in one table. The first row that matches counts. This file is
// only data: `retry.ts` reads it, and `cli/knowledge/known-texts.ts` has the explanations for users.

/** The part of the session that a text belongs to. */
export type Stage = "greeting" | "login" | "listing" | "message";

/**
 * What a client waits for before it tries again: the end of another session, the delay between logins, or a
 * repair.
 */
export type Wait = "IN-USE" | "LOGIN-DELAY" | "SYS/TEMP";

type RefusalKind =
  | "credentials"
  | "account-locked"
  | "switched-off"
  | "oauth-needed"
  | "too-often"
  | "locked"
  | "temporary"
  | "missing"
  | "protocol"
  | "tls"
  | "idle";

export interface KnownRefusal {
  /** The name of the row, here and in `popwright check --json`. */
  readonly id: string;
  /** Matches the text after `-ERR`, with its response code in upper case: `[IN-USE] locked`. */
  readonly words: RegExp;
  /** The only stage in which the row applies. @default every stage */
  readonly at?: Stage;
  readonly kind: RefusalKind;
  /** What to wait for, if the refusal is temporary. @default the refusal is not temporary */
  readonly waitFor?: Wait;
}

/** The response codes that decide alone, whatever the text is (RFC 2449 section 8.1, RFC 3206 section 4). */
export const RESPONSE_CODES: Readonly<Record<string, Wait | "lasting">> = {
  "IN-USE": "IN-USE",
  "LOGIN-DELAY": "LOGIN-DELAY",
  "SYS/TEMP": "SYS/TEMP",
  "SYS/PERM": "lasting",
  AUTH: "lasting",
};

/** Exact texts of single providers and server programs, as seen in practice. */
const SEEN: readonly KnownRefusal[] = [
  // Gmail and Google Workspace.
  { id: "gmail-pop-off", words: /not enabled for POP access/i, kind: "switched-off" },
  { id: "gmail-app-password", words: /Application-specific password required/i, kind: "credentials" },
  {
    id: "google-web-login",
    words: /web login required|log ?in via (?:your )?web browser/i,
    kind: "credentials",
  },
  { id: "gmail-credentials", words: /Username and password not accepted/i, kind: "credentials" },
  {
    id: "google-temporary",
    words: /\[SYS\/TEMP\]\s*Temporary system problem/i,
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  { id: "google-lockdown", words: /lockdown in sector/i, kind: "too-often", waitFor: "LOGIN-DELAY" },
  // Exchange, Microsoft 365 and Outlook.com.
  { id: "ms-passwords-off", words: /Basic authentication is disabled/i, kind: "oauth-needed" },
  { id: "ms-token-line", words: /Protocol error\. Connection is closed\. 10/i, kind: "protocol" },
  { id: "ms-wrong-protocol", words: /^Protocol error\. \d/i, kind: "protocol" },
  {
    id: "ms-token-refused",
    words: /Authentication failure: unknown user name or bad password/i,
    kind: "credentials",
  },
  {
    id: "ms-password-refused",
    words: /Logon failure: unknown user name or bad password/i,
    kind: "oauth-needed",
  },
  {
    id: "ms-not-connected",
    words: /User is authenticated but not connected/i,
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  { id: "ms-unavailable", words: /Server Unavailable\. \d/i, kind: "too-often", waitFor: "SYS/TEMP" },
  { id: "ms-state", words: /Command is not valid in this state/i, at: "login", kind: "tls" },
  {
    id: "hotmail-frequency",
    words: /Exceeded the login limit for a 15 minute period/i,
    kind: "too-often",
    waitFor: "LOGIN-DELAY",
  },
  // Other mail services.
  { id: "yandex-pop-off", words: /login failure or POP3 disabled/i, kind: "switched-off" },
  {
    id: "mailru-app-password",
    words: /Ap?plication password is REQUIRED|parol prilozheniya/i,
    kind: "credentials",
  },
  { id: "qq-authorization-code", words: /authori[sz](?:ation|ed) code|授权码/i, kind: "credentials" },
  { id: "netease-too-often", words: /登录太|login too/i, kind: "too-often", waitFor: "LOGIN-DELAY" },
  { id: "netease-quota", words: /Download exceed/i, kind: "too-often", waitFor: "LOGIN-DELAY" },
  { id: "netease-message", words: /Can't get the letter/i, kind: "temporary", waitFor: "SYS/TEMP" },
  { id: "message-unreadable", words: /Message can ?not load/i, kind: "temporary", waitFor: "SYS/TEMP" },
  { id: "netease-unsafe", words: /Unsafe Login/i, kind: "protocol" },
  // Server programs that many providers run.
  {
    id: "dovecot-connections",
    words: /Maximum number of connections from user\+IP exceeded/i,
    kind: "too-often",
    waitFor: "SYS/TEMP",
  },
  {
    id: "cleartext-refused",
    words: /(?:Clear|Plain)text authentication disallowed|SSL\/TLS-connection is required|STLS is required/i,
    kind: "tls",
  },
  {
    id: "dovecot-temporary",
    words: /Temporary authentication failure/i,
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  { id: "perdition", words: /Re-Authentication Failure/i, kind: "locked", waitFor: "IN-USE" },
  { id: "hmail-full-name", words: /Please use full email address as user name/i, kind: "credentials" },
  { id: "hmail-banned", words: /Too many invalid logon attempts/i, kind: "too-often" },
  { id: "hmail-no-auth", words: /Invalid command in current state/i, at: "login", kind: "protocol" },
  { id: "line-too-long", words: /^(?:Line too long|Input line too long)/i, kind: "protocol" },
  {
    id: "hmail-plus-err",
    words: /Failed to fetch messages in Inbox/i,
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  {
    id: "idle",
    words: /Disconnected for inactivity|Autologout; idle too long/i,
    kind: "idle",
    waitFor: "SYS/TEMP",
  },
  { id: "bad-commands", words: /Too many (?:invalid )?bad commands/i, kind: "protocol" },
  {
    id: "dovecot-mailbox",
    words:
      /\[SYS\/TEMP\]\s*(?:Couldn't sync|Mailbox is in inconsistent|Couldn't update POP3 session lock|Failed to create POP3 session lock)/i,
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  // Other protocols on this port.
  { id: "smtp", words: /^220[ -]/i, at: "greeting", kind: "protocol" },
  { id: "imap", words: /^\* (?:OK|PREAUTH|BYE)/i, at: "greeting", kind: "protocol" },
  { id: "http", words: /^HTTP\/\d/i, at: "greeting", kind: "protocol" },
];

/** Joins alternatives that would be hard to read on one line. */
function anyOf(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => source).join("|"), "i");
}

/**
 * Common meanings that many servers express in their own words. The order matters: first another session that
 * holds the mailbox; then refusals that waiting does not change; then texts that say "later"; then texts that
 * only say that something is wrong.
 */
const GENERAL: readonly KnownRefusal[] = [
  {
    id: "in-use",
    words: anyOf(
      /^\[IN-USE\]/,
      /\bin use\b/,
      // "used by another session", "locked by an other process", "opened from a different client"
      /\b(?:used|lock(?:ed)?|open(?:ed)?|held|accessed|busy|logged in|connected|active)\b[^.;]{0,30}\b(?:by|in|from|with|on|via|at) (?:an? ?|some )?(?:other|different|existing|previous)\b/,
      // "another session is active", "another client is using the maildrop"
      /\b(?:another|other|existing|previous)\b[^.;]{0,30}\b(?:session|process|client|connection|program|instance|user|login)s?\b[^.;]{0,20}\b(?:active|open(?:ed)?|running|progress|connected|logged|lock(?:ed|s)?|us(?:es|ing)|access\w*|exists?|holds)\b/,
      /\b(?:already|currently) (?:open(?:ed)?|locked|logged[ -]?[io]n|being (?:used|accessed|read)|accessed|connected|active)\b|\bsessions? (?:is )?already\b|\balready has\b[^.;]{0,20}\bsession\b/,
      // A locked maildrop, not a locked account.
      /\b(?:mail ?box|mail ?drop|inbox|spool|folder|mail file)\b(?:(?!\baccount\b)[^.;,]){0,30}\block(?:ed)?\b(?! account| out)/,
      /\block(?:ed|ing)?(?: (?:the|your|this|on|for|of|user|users|user's|account's))* (?:mail ?box|mail ?drop|inbox|spool|folder|mail file)\b/,
    ),
    kind: "locked",
    waitFor: "IN-USE",
  },
  { id: "login-delay", words: /^\[LOGIN-DELAY\]/i, kind: "too-often", waitFor: "LOGIN-DELAY" },
  // Refusals that waiting does not change.
  {
    id: "account-locked",
    words: anyOf(
      // Even if the lock ends some time: each attempt may extend it.
      /\b(?:account|user|profile|login|access|you)\b[^.;]{0,40}\block(?:ed)?\b/,
      /\block(?:ed)?(?: (?:the|your|this|user|mail|email))* (?:account|user|login)\b/,
      /\block(?:ed)? out\b|\block(?:ed)?\b[^.;]{0,20}\badministrator\b|\bunlock\b/,
      /^(?!.*(?:temporar|maintenance)).*?\b(?:account|user|profile|you|mail ?box)\b[^.;]{0,40}\b(?:blocked|disabled|suspended|deactivated|inactive|expired|banned|frozen|terminated)\b/,
      /^(?!.*(?:temporar|maintenance)).*?\b(?:blocked|disabled|suspended|deactivated|inactive|expired|banned|frozen)(?: (?:the|your|this|user|mail|email))* (?:account|user|mail ?box)\b/,
    ),
    kind: "account-locked",
  },
  {
    id: "too-many-failures",
    words:
      /\b(?:too many|repeated|multiple|maximum|number of)(?: \w+){0,2} (?:fail\w*|invalid|bad|wrong|incorrect|unsuccessful)\b/i,
    kind: "too-often",
  },
  {
    id: "wrong-credentials",
    words: anyOf(
      /\b(?:invalid|incorrect|wrong|bad|unknown|no such|mismatched)\b(?! (?:error|problem|failure|reply|response|state))[^.;]{0,12}\b(?:pass ?(?:word|phrase|code)|user(?: ?name| ?id)?|login|logon|credentials?|account|mail ?box|mail ?drop|address|token)\b/,
      /\b(?:pass ?(?:word|phrase|code)|user(?: ?name| ?id)?|credentials?|account|address|token)s?\b[^.;]{0,20}\b(?:incorrect|invalid|wrong|expired|mismatch|not (?:accepted|valid|correct|match)|(?:does|do)(?: not|n't) match)\b/,
      /\b(?:user(?: ?name| ?id)?|account|address|mail ?box|mail ?drop)\b[^.;]{0,20}\b(?:unknown|not (?:found|recogni[sz]ed|known|exist)|(?:does|do)(?: not|n't) exist)\b/,
      /\bnot (?:found |listed |known )?in (?:(?:our|the|this|any|user) ){0,2}database\b/,
    ),
    kind: "credentials",
  },
  // Texts that say "later".
  {
    id: "too-often",
    words: anyOf(
      /\blogin limit\b|\bonly every\b|\brate[ -]?limit|\brates?\b[^.;]{0,15}\bexceed|\bexceed[^.;]{0,20}\brate\b/,
      /\bthrottl|\btoo (?:frequent|often|quick|soon|fast)|\btoo many (?:requests|commands|logins|logons|polls)\b/,
      /\blogin delay\b|\bminimum (?:time|interval)\b|\blimit\b[^.;]{0,15}\brate\b/,
    ),
    kind: "too-often",
    waitFor: "LOGIN-DELAY",
  },
  {
    id: "too-many-connections",
    words: anyOf(
      /\b(?:too many|max(?:imum)?|limit(?:ed|s)?|exceed\w*)\b[^.;]{0,40}\b(?:connections?|sessions?|clients|logins?|logons?)\b/,
      /\b(?:connections?|sessions?|clients|logins?|logons?)\b[^.;]{0,40}\b(?:limit|exceed|too many\b|maximum\b)/,
    ),
    kind: "too-often",
    waitFor: "SYS/TEMP",
  },
  {
    id: "later",
    words: anyOf(
      /\btemporar|\b(?:try|retry|again|back) (?:again )?(?:later|shortly|soon|after|in (?:an?|few|some|\d+)\b)|\bfor (?:now|the moment)\b/,
      /\bplease wait\b|\bwait (?:a|few|for|until|some|\d)|\bat (?:the|this) (?:moment|time)\b/,
      /稍[后後]|繁忙/,
    ),
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  // Missing messages and features, and servers that are out of order.
  {
    id: "no-such-message",
    words:
      /\bno such message\b|\bthere(?:'s| is) no message\b|\binvalid message\b|\bmessage\b[^.;]{0,30}\b(?:deleted|out of range|not found|unknown|gone|does(?: not|n't) exist)\b/i,
    kind: "missing",
  },
  {
    id: "unsupported",
    words: anyOf(
      /\b(?:unknown|unrecogni[sz]ed|unsupported|invalid|bad|illegal)\b[^.;]{0,20}\b(?:command|mechanism|verb|extension)\b|\bnot (?:implemented|supported|understood)\b/,
      /\b(?:command|mechanism|extension|CAPA|UIDL|TOP|STLS|TLS|SSL|APOP|AUTH|UTF8|LANG|SASL)(?: command)?(?: is| are)? (?:not (?:available|allowed|enabled|permitted|recogni[sz]ed|known)|unavailable|disabled)\b/,
    ),
    kind: "protocol",
  },
  {
    id: "not-in-the-plan",
    words:
      /\bnot (?:available|enabled|included|activated|allowed)\b[^.;]{0,30}\b(?:your|this|free|the|current) (?:\w+ )?(?:account|plan|user|mailbox|subscription|package|domain)\b|\bno longer (?:available|supported|offered)\b/i,
    kind: "switched-off",
  },
  {
    id: "server-trouble",
    words: anyOf(
      // "server error", "internal server error"; not "server login failure".
      /\b(?:server|system|internal|backend|storage|disk|i\/o)(?: (?!auth|log|pass|user|credential)\w+){0,2} (?:error|failure|fault|problem|trouble)s?\b/,
      // "error on the server", "problem: internal"; not "authentication error on the server".
      /(?<!\b(?:auth\w*|login|logon|password|credentials?) )\b(?:error|fault|problem|trouble)s?\b[^.;]{0,15}\b(?:server|system|internal(?:ly)?|backend|storage|disk)\b/,
      /\bdatabase\b|\bLDAP\b|\bnot (?:\w+ )?available\b|\bunavailable\b|\bbusy\b|\boverload(?:ed)?\b/,
      // What a proxy says of the server that has the mail.
      /\b(?:could(?: not|n't)|can ?not|can't|unable to|fail(?:ed|ure) to) (?:connect to|reach|contact)\b[^.;]{0,30}\b(?:server|host|back ?end|upstream|service|store|daemon|proxy|node)\b/,
      /\bconnection negotiation failure\b|\b(?:server|host|back ?end|upstream) (?:is )?(?:down|unreachable)\b/,
      /\bmaintenance\b|\bshutting down\b|\bout of (?:memory|disk|space)\b|\btimed? ?out\b/,
    ),
    kind: "temporary",
    waitFor: "SYS/TEMP",
  },
  { id: "locked", words: /\block(?:ed)?\b/i, kind: "locked", waitFor: "IN-USE" },
  // Refusals without a reason. They matter only in the greeting: at any other stage they are not temporary
  // anyway.
  {
    id: "refused",
    words:
      /authenti?cation failed|invalid (?:login|user|credentials)|unable to log on|login fail|password (?:is )?correct|authorization failed/i,
    at: "login",
    kind: "credentials",
  },
  {
    id: "not-allowed",
    words:
      /\b(?:denied|forbidden|prohibited|unauthori[sz]ed|blacklist\w*|blocklist\w*|banned|blocked|disabled|switched off)\b|\bnot (?:allowed|permitted|authori[sz]ed|welcome)\b/i,
    kind: "switched-off",
  },
  // Only the response code is known, not the text.
  { id: "code-auth", words: /^\[AUTH\]/i, kind: "credentials" },
  { id: "code-sys-temp", words: /^\[SYS\/TEMP(?:\/[^\]]*)?\]/i, kind: "temporary", waitFor: "SYS/TEMP" },
  { id: "code-sys-perm", words: /^\[SYS\/PERM(?:\/[^\]]*)?\]/i, kind: "switched-off" },
];

/** All rows, in the order in which they are tested. */
export const KNOWN_REFUSALS: readonly KnownRefusal[] = [...SEEN, ...GENERAL];
