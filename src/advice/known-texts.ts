// The text for each row of `protocol/refusals.ts`: what the refusal means, and what the user can do.

export interface KnownText {
  /** The only mail service that uses these words. */
  readonly provider?: string;
  /** The server program that uses these words. Many services may run it. */
  readonly software?: string;
  readonly cause: string;
  readonly advice: string;
}

const OTHER_PORT = "POP3 uses port 995 (pop3s://) or 110 (pop3://).";
const USE_TLS = "Use pop3s:// (port 995), or pop3:// without ?stls=never.";

/** By the `id` of the row. */
export const KNOWN_TEXTS: Readonly<Record<string, KnownText>> = {
  "gmail-pop-off": {
    provider: "Gmail",
    cause: "The login was right, but POP is turned off for this account.",
    advice:
      "Turn it on at Settings > Forwarding and POP/IMAP > Enable POP. In Google Workspace the administrator may have to allow it.",
  },
  "gmail-app-password": {
    provider: "Gmail",
    cause: "2-Step Verification is on, but the password is that of the account.",
    advice: "Create an app password at myaccount.google.com/apppasswords and use that, or use OAuth2.",
  },
  "google-web-login": {
    provider: "Gmail",
    cause:
      "Google has blocked the login: it comes from a new place, or uses a kind of password that Google does not accept.",
    advice: "Sign in on the web and check the security alert there. Then use OAuth2 or an app password.",
  },
  "gmail-credentials": {
    provider: "Gmail",
    cause:
      "The password is that of the account, or it is an app password that is mistyped, revoked or from another account.",
    advice:
      "Turn on 2-Step Verification and create an app password for this account, or use OAuth2 with the scope https://mail.google.com/.",
  },
  "google-temporary": {
    provider: "Gmail",
    cause: "Google has a temporary problem, or this client polls too often.",
    advice: "Wait, and poll only every 10 minutes. If the error persists, sign in on the web once.",
  },
  "google-lockdown": {
    provider: "Gmail",
    cause: "Too much was retrieved in a short time.",
    advice: "Wait: the block may last 24 hours.",
  },
  "ms-passwords-off": {
    provider: "Outlook.com",
    cause: "Outlook.com refuses all passwords, including app passwords.",
    advice:
      "Use OAuth2 (--token-command) with the scope POP.AccessAsUser.All, and turn POP on in the settings of the mailbox.",
  },
  "ms-token-line": {
    provider: "Microsoft 365",
    cause: "The access token was sent in the same line as AUTH, or it is longer than 4096 characters.",
    advice: "If the token was sent in a separate line, get a token with fewer claims.",
  },
  "ms-wrong-protocol": {
    provider: "Exchange",
    cause: "The server did not understand what was sent.",
    advice: "Check the port: 995 is POP3, 993 is IMAP.",
  },
  "ms-token-refused": {
    provider: "Microsoft 365",
    cause:
      "The server uses these words for many causes: POP is off for the mailbox; the token has no POP scope, the wrong audience or the wrong user, or has expired; an application has no service principal or no permission for the mailbox; or there were too many logins.",
    advice: "Check these causes in this order. The token itself contains scp or roles, aud and the user.",
  },
  "ms-password-refused": {
    provider: "Exchange",
    cause:
      "Microsoft 365 and Outlook.com give this answer to every password, right or wrong. On your own Exchange server the password is wrong, or POP is off for the mailbox.",
    advice:
      "For Microsoft 365 and Outlook.com use OAuth2 (--token-command). For your own server try DOMAIN\\user or user@domain as the user name.",
  },
  "ms-not-connected": {
    provider: "Microsoft 365",
    cause:
      "The login was right, but the mailbox is not available: it does not belong to the token, has no licence, or is being moved.",
    advice: "Check that the user name is the address of the token's mailbox. If it is, try again later.",
  },
  "ms-unavailable": {
    provider: "Microsoft 365",
    cause: "The server got too many requests, or has a temporary problem.",
    advice: "Wait a few minutes, and use one session at a time.",
  },
  "ms-state": {
    provider: "Exchange",
    cause: "The server requires TLS before a login.",
    advice: USE_TLS,
  },
  "hotmail-frequency": {
    provider: "Outlook.com",
    cause: "There were too many logins in 15 minutes.",
    advice: "Wait, and log in at most once every 15 minutes.",
  },
  "yandex-pop-off": {
    provider: "Yandex",
    cause: "POP3 is off, or the password is wrong or not an app password.",
    advice:
      "In Yandex Mail, allow POP3 and choose folders at Settings > Mail clients. Then create an app password.",
  },
  "mailru-app-password": {
    provider: "Mail.ru",
    cause: "The password is that of the account, which Mail.ru does not accept here.",
    advice: "Create a password for external applications in the security settings of Mail.ru, and use that.",
  },
  "qq-authorization-code": {
    provider: "QQ Mail",
    cause:
      "QQ Mail requires an authorization code instead of the password. It refuses a code that is older than the password, or that is for another service.",
    advice: "Turn POP3 on in the settings on the web, create a new code there, and use that as the password.",
  },
  "netease-too-often": {
    provider: "163, 126 or QQ Mail",
    cause: "There were too many logins.",
    advice: "Wait, and log in less often.",
  },
  "netease-quota": {
    provider: "163 Mail",
    cause: "The download quota for this period is used up.",
    advice: "Wait, and fetch new messages only.",
  },
  "netease-message": {
    provider: "163 Mail",
    cause: "The server cannot read this message now.",
    advice: "Skip this message, and try again later.",
  },
  "message-unreadable": {
    cause: "The server cannot read this message now.",
    advice: "Skip this message, and try again later.",
  },
  "netease-unsafe": {
    provider: "163 Mail",
    cause: "The IMAP server of 163 Mail gives this answer to programs that it does not know.",
    advice: "Check the port: POP3 uses port 995.",
  },
  "dovecot-connections": {
    software: "Dovecot",
    cause: "This user has too many open sessions from this address. The usual limit is 10.",
    advice: "Close other sessions, and use fewer at a time.",
  },
  "cleartext-refused": {
    software: "Dovecot or hMailServer",
    cause: "The server does not accept a login without TLS.",
    advice: USE_TLS,
  },
  "dovecot-temporary": {
    software: "Dovecot",
    cause: "The server could not look up the user. The password is not the problem.",
    advice: "Try again later.",
  },
  perdition: {
    software: "Perdition",
    cause:
      "The server that has the mail refuses the session, and this proxy does not pass on why: another session uses the mailbox, or the user name or the password is wrong.",
    advice: "Try again in a few minutes. If the error persists, check the user name and the password.",
  },
  "hmail-full-name": {
    software: "hMailServer",
    cause: "The user name has no domain.",
    advice: "Use the full address as the user name.",
  },
  "hmail-banned": {
    software: "hMailServer",
    cause:
      "After several wrong passwords the server refuses every login from this address for a few minutes.",
    advice: "Correct the password, and wait before the next try.",
  },
  "hmail-no-auth": {
    software: "hMailServer",
    cause: "The server does not support AUTH.",
    advice: "Log in with --mechanism USER.",
  },
  "line-too-long": {
    software: "hMailServer or Dovecot",
    cause: "The line is longer than the server accepts. Usually it contains an access token.",
    advice: "Get a shorter token, or log in with a password.",
  },
  "hmail-plus-err": {
    software: "hMailServer",
    cause:
      "The server could not read the mailbox. Some versions report that with +ERR, which is not valid POP3.",
    advice: "Try again later.",
  },
  idle: {
    cause: "The client sent nothing for too long. Messages that were marked for deletion still exist.",
    advice: "Try again, and do slow work before or after the session.",
  },
  "bad-commands": {
    software: "Dovecot",
    cause: "The client sent commands that the server does not know.",
    advice: "Use only methods that the server lists: remove --mechanism.",
  },
  "dovecot-mailbox": {
    software: "Dovecot",
    cause: "The server has a problem with its disk or its index of the mailbox.",
    advice: "Try again. If the error persists, tell the administrator of the server.",
  },
  smtp: { cause: "This is an SMTP server.", advice: OTHER_PORT },
  imap: { cause: "This is an IMAP server.", advice: OTHER_PORT },
  http: { cause: "This is a web server.", advice: OTHER_PORT },
  "in-use": {
    cause: "Another session uses the mailbox. The password was right.",
    advice:
      "Wait until it ends. After a lost connection the server may keep the mailbox locked for 10 minutes or more.",
  },
  "login-delay": {
    cause: "It is too soon after the last login.",
    advice: "Wait for the LOGIN-DELAY of the server, which `popwright check` shows.",
  },
  "account-locked": {
    cause: "The account is locked or disabled. Each new try may extend the lock.",
    advice: "Stop all programs that log in to it. Then unlock it on the web, or ask the administrator.",
  },
  "too-many-failures": {
    cause: "There were too many logins with a wrong password.",
    advice: "Correct the password, and wait before the next try.",
  },
  "wrong-credentials": {
    cause: "The server does not accept this user name with this password.",
    advice:
      "Check both. Many servers require the full address as the user name, and some require an app password.",
  },
  "too-often": {
    cause: "There were too many logins or commands in a short time.",
    advice: "Wait, and poll less often.",
  },
  "too-many-connections": {
    cause: "The server has reached its limit of sessions, in total or from this address.",
    advice: "Try again in a few minutes, and use fewer sessions at a time.",
  },
  later: {
    cause: "The server refuses temporarily.",
    advice: "Try again later, with growing pauses.",
  },
  "no-such-message": {
    cause: "The mailbox has no message with this number, or the message is marked as deleted.",
    advice: "List the messages again: message numbers are valid only within one session.",
  },
  unsupported: {
    cause: "The server does not support this command or this login method.",
    advice: "`popwright check` shows what the server lists.",
  },
  "not-in-the-plan": {
    cause: "The server does not offer this for this account.",
    advice: "Check the settings of the provider: POP may be off, or not included in the plan.",
  },
  "server-trouble": {
    cause: "The server has an internal problem. The password is not the cause.",
    advice: "Try again later, with growing pauses.",
  },
  locked: {
    cause: "The mailbox is locked, usually by another session.",
    advice: "Try again in a few minutes.",
  },
  refused: {
    cause:
      "The server refuses the login. Usually the password is wrong; at GMX, WEB.DE, mail.com, 163 and Outlook.com usually POP is off.",
    advice:
      "Check the user name and the password. Then check whether you need an app password, and whether POP is on. At WEB.DE wait 15 minutes between two logins.",
  },
  "not-allowed": {
    cause: "The server does not allow this.",
    advice: "Check the settings of the provider: POP may be off, or not allowed from this address.",
  },
  "code-auth": {
    cause: "The server refuses the user name or the password.",
    advice: "The provider may require an app password or OAuth2, or POP may be off.",
  },
  "code-sys-temp": {
    cause: "The server has an internal problem.",
    advice: "Try again later, with growing pauses.",
  },
  "code-sys-perm": {
    cause: "The server does not allow this for this account.",
    advice: "Check the settings of the provider: POP may be off, or not included in the plan.",
  },
};
