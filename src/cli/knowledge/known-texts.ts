// What to tell people about each row of `protocol/refusals.ts`: what it means, and what they can do.

export interface KnownText {
  /** The one mail service that has these words; it has nothing to do with any other. */
  readonly provider?: string;
  /** The server program that has these words. Many services may run it. */
  readonly software?: string;
  readonly cause: string;
  readonly advice: string;
}

const OTHER_PORT = "POP3 is at port 995 (pop3s://) or 110 (pop3://).";
const USE_TLS = "Use pop3s:// (port 995), or pop3:// without ?stls=never.";

/** By the `id` of the row. */
export const KNOWN_TEXTS: Readonly<Record<string, KnownText>> = {
  "gmail-pop-off": {
    provider: "Gmail",
    cause: "The login was right, but POP is switched off for this account.",
    advice:
      "Switch it on at Settings > Forwarding and POP/IMAP > Enable POP. In Google Workspace the administrator may have to allow it.",
  },
  "gmail-app-password": {
    provider: "Gmail",
    cause: "2-Step Verification is on, and the password of the account was given.",
    advice: "Make an app password at myaccount.google.com/apppasswords and give that, or use OAuth2.",
  },
  "google-web-login": {
    provider: "Gmail",
    cause:
      "Google has blocked the login: it comes from a new place, or uses a password that it does not take.",
    advice: "Sign in on the web and look at the security alert there; then use OAuth2 or an app password.",
  },
  "gmail-credentials": {
    provider: "Gmail",
    cause:
      "This is the password of the account, or an app password that is mistyped, revoked or of another account.",
    advice:
      "Turn on 2-Step Verification and make an app password for this very account, or use OAuth2 with the scope https://mail.google.com/.",
  },
  "google-temporary": {
    provider: "Gmail",
    cause: "Google has trouble, or this client polls too often.",
    advice: "Wait, and poll less often: every 10 minutes. If the error stays, sign in on the web once.",
  },
  "google-lockdown": {
    provider: "Gmail",
    cause: "Too much was retrieved in a short time.",
    advice: "Wait: it may take 24 hours.",
  },
  "ms-passwords-off": {
    provider: "Outlook.com",
    cause: "Passwords are refused there, app passwords too.",
    advice:
      "Use OAuth2 (--token-command) with the scope POP.AccessAsUser.All, and switch POP on in the settings of the mailbox.",
  },
  "ms-token-line": {
    provider: "Microsoft 365",
    cause: "The access token came in one line with AUTH, or is longer than 4096 characters.",
    advice: "If the token was sent in a line of its own, get one with fewer claims.",
  },
  "ms-wrong-protocol": {
    provider: "Exchange",
    cause: "The server did not understand what was sent.",
    advice: "Check the port: 995 is POP3, 993 is IMAP.",
  },
  "ms-token-refused": {
    provider: "Microsoft 365",
    cause:
      "It says so whatever is wrong: POP is off for the mailbox; the token has no POP scope, another audience, another user, or has expired; an application has no service principal or no permission for the mailbox; or there were too many logins.",
    advice: "Check these in that order; the token itself shows scp or roles, aud and the user.",
  },
  "ms-password-refused": {
    provider: "Exchange",
    cause:
      "Microsoft 365 and Outlook.com say this to every password, right or wrong. An Exchange server of your own means it, or POP is off for the mailbox.",
    advice:
      "At Microsoft use OAuth2 (--token-command). At your own server try DOMAIN\\user or user@domain as the name.",
  },
  "ms-not-connected": {
    provider: "Microsoft 365",
    cause:
      "The login was right, but the mailbox cannot be reached: it is not the token's, has no licence, or is being moved.",
    advice: "Check that the user name is the address of the token's mailbox; else try again later.",
  },
  "ms-unavailable": {
    provider: "Microsoft 365",
    cause: "The server was asked too often, or has trouble of its own.",
    advice: "Wait some minutes, and use one session at a time.",
  },
  "ms-state": {
    provider: "Exchange",
    cause: "The server wants TLS before a login.",
    advice: USE_TLS,
  },
  "hotmail-frequency": {
    provider: "Outlook.com",
    cause: "There were too many logins in 15 minutes.",
    advice: "Wait, and log in once in 15 minutes at most.",
  },
  "yandex-pop-off": {
    provider: "Yandex",
    cause: "POP3 is off, or the password is not an app password, or it is wrong.",
    advice:
      "In Yandex Mail allow POP3 and choose folders at Settings > Mail clients; then make an app password.",
  },
  "mailru-app-password": {
    provider: "Mail.ru",
    cause: "The password of the account was given.",
    advice: "Make a password for external applications in the security settings of Mail.ru, and give that.",
  },
  "qq-authorization-code": {
    provider: "QQ Mail",
    cause:
      "It wants an authorization code, not the password. A code from before a change of the password, or for another service, is refused.",
    advice:
      "Switch POP3 on in the settings on the web, make a new code there, and give that as the password.",
  },
  "netease-too-often": {
    provider: "163, 126 or QQ Mail",
    cause: "There were too many logins.",
    advice: "Wait, and log in less often.",
  },
  "netease-quota": {
    provider: "163 Mail",
    cause: "The quota of downloads for this period is used up.",
    advice: "Wait, and fetch new messages only.",
  },
  "netease-message": {
    provider: "163 Mail",
    cause: "The server cannot read that message now.",
    advice: "Leave it out, and try again later.",
  },
  "message-unreadable": {
    cause: "The server cannot read that message now.",
    advice: "Leave it out, and try again later.",
  },
  "netease-unsafe": {
    provider: "163 Mail",
    cause: "Its IMAP server says this to programs that it does not know.",
    advice: "Check the port: POP3 is at 995.",
  },
  "dovecot-connections": {
    software: "Dovecot",
    cause: "Too many sessions of this user are open from this address; the usual limit is 10.",
    advice: "End other sessions, and use fewer at a time.",
  },
  "cleartext-refused": {
    software: "Dovecot or hMailServer",
    cause: "The server takes no login without TLS.",
    advice: USE_TLS,
  },
  "dovecot-temporary": {
    software: "Dovecot",
    cause: "The server could not look the user up. It is not the password.",
    advice: "Try again later.",
  },
  perdition: {
    software: "Perdition",
    cause: "The server that this one forwards to refuses, mostly because another session holds the mailbox.",
    advice: "Try again in some minutes. If the error stays, check name and password.",
  },
  "hmail-full-name": {
    software: "hMailServer",
    cause: "The user name has no domain.",
    advice: "Give the full address as the user name.",
  },
  "hmail-banned": {
    software: "hMailServer",
    cause: "After several wrong passwords the server refuses every login from this address for some minutes.",
    advice: "Correct the password, and wait before the next try.",
  },
  "hmail-no-auth": {
    software: "hMailServer",
    cause: "The server does not know AUTH.",
    advice: "Log in with --mechanism USER.",
  },
  "line-too-long": {
    software: "hMailServer or Dovecot",
    cause: "The line is longer than the server takes: mostly one with an access token.",
    advice: "Get a shorter token, or log in by password.",
  },
  "hmail-plus-err": {
    software: "hMailServer",
    cause: "The server could not read the mailbox. Some versions say so with +ERR, which is not POP3.",
    advice: "Try again later.",
  },
  idle: {
    cause: "Nothing was sent to the server for too long. What was marked for deletion is still there.",
    advice: "Try again, and do what takes long before or after the session.",
  },
  "bad-commands": {
    software: "Dovecot",
    cause: "The server was sent commands that it does not know.",
    advice: "Use only what the server lists: leave --mechanism out.",
  },
  "dovecot-mailbox": {
    software: "Dovecot",
    cause: "The server has trouble with its disk or its index of the mailbox.",
    advice: "Try again. If the error stays, the administrator of the server has to look.",
  },
  smtp: { cause: "This is an SMTP server.", advice: OTHER_PORT },
  imap: { cause: "This is an IMAP server.", advice: OTHER_PORT },
  http: { cause: "This is a web server.", advice: OTHER_PORT },
  "in-use": {
    cause: "Another session holds the mailbox. The password was right.",
    advice: "Wait until it ends: a session that broke off may hold it for 10 minutes or more.",
  },
  "login-delay": {
    cause: "It is too soon after the last login.",
    advice: "Wait as long as its LOGIN-DELAY says, which `popwright check` shows.",
  },
  "account-locked": {
    cause: "The account is locked or switched off. Each further try may keep it so.",
    advice: "Stop all programs that log in to it, then ask the administrator or unlock it on the web.",
  },
  "too-many-failures": {
    cause: "There were too many logins with a wrong password.",
    advice: "Correct the password, and wait before the next try.",
  },
  "wrong-credentials": {
    cause: "The server does not know this name with this password.",
    advice: "Check both. Many servers want the full address as name, and some an app password.",
  },
  "too-often": {
    cause: "There were too many logins or commands in a short time.",
    advice: "Wait, and poll less often.",
  },
  "too-many-connections": {
    cause: "The server has as many sessions as it allows, in all or from this address.",
    advice: "Try again in some minutes, and use fewer sessions at a time.",
  },
  later: {
    cause: "The server refuses for now.",
    advice: "Try again later, with growing pauses.",
  },
  "no-such-message": {
    cause: "The mailbox has no message of that number, or it is marked as deleted.",
    advice: "List the messages again: the numbers of another session do not count.",
  },
  unsupported: {
    cause: "The server does not know that command or that way to log in.",
    advice: "`popwright check` shows what the server lists.",
  },
  "not-in-the-plan": {
    cause: "The server does not offer this for this account.",
    advice: "Look at the provider's settings: POP may be switched off, or not be a part of the plan.",
  },
  "server-trouble": {
    cause: "The server has trouble of its own. It is not the password.",
    advice: "Try again later, with growing pauses.",
  },
  locked: {
    cause: "The mailbox is locked, mostly by another session.",
    advice: "Try again in some minutes.",
  },
  refused: {
    cause:
      "The login is refused. At GMX, WEB.DE, mail.com, 163 and Outlook.com this mostly means that POP is off.",
    advice:
      "Switch POP on, then check whether an app password is needed, then the password itself. At WEB.DE wait 15 minutes between two logins.",
  },
  "not-allowed": {
    cause: "The server does not allow this.",
    advice: "Look at the provider's settings: POP may be switched off, or closed to this address.",
  },
  "code-auth": {
    cause: "The name or the password is refused.",
    advice: "The provider may want an app password or OAuth2, or POP may be switched off.",
  },
  "code-sys-temp": {
    cause: "The server has trouble of its own.",
    advice: "Try again later, with growing pauses.",
  },
  "code-sys-perm": {
    cause: "The server will not do this for this account.",
    advice: "Look at the provider's settings: POP may be switched off, or not be a part of the plan.",
  },
};
