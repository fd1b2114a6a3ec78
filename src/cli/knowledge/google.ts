// What Gmail and Google Workspace say.
import type { KnownText } from "./known-text.ts";

export const GOOGLE: readonly KnownText[] = [
  {
    id: "gmail-pop-off",
    pattern: /not enabled for POP access/i,
    at: "anywhere",
    who: "Gmail",
    kind: "switched-off",
    cause: "The login was right, but POP is switched off for this account.",
    advice:
      "Switch it on at Settings > Forwarding and POP/IMAP > Enable POP. In Google Workspace the administrator may have to allow it.",
    passes: false,
  },
  {
    id: "gmail-app-password",
    pattern: /Application-specific password required/i,
    at: "login",
    who: "Gmail",
    kind: "credentials",
    cause: "2-Step Verification is on, and the password of the account was given.",
    advice: "Make an app password at myaccount.google.com/apppasswords and give that, or use OAuth2.",
    passes: false,
  },
  {
    id: "google-web-login",
    pattern: /web login required|log ?in via (?:your )?web browser/i,
    at: "login",
    who: "Gmail",
    kind: "credentials",
    cause: "Google has blocked the login: it comes from a new place, or by a password where none will do.",
    advice: "Sign in on the web and look at the security alert there; then use OAuth2 or an app password.",
    passes: false,
  },
  {
    id: "gmail-credentials",
    pattern: /Username and password not accepted/i,
    at: "login",
    who: "Gmail",
    kind: "credentials",
    cause:
      "This is the password of the account, or an app password that is mistyped, revoked or of another account.",
    advice:
      "Turn on 2-Step Verification and make an app password for this very account, or use OAuth2 with the scope https://mail.google.com/.",
    passes: false,
  },
  {
    id: "google-temporary",
    pattern: /\[SYS\/TEMP\]\s*Temporary system problem/i,
    at: "login",
    who: "Gmail",
    kind: "temporary",
    cause: "Google has trouble, or does not want to be asked this often.",
    advice: "Wait, and ask less often: every 10 minutes. If it stays, sign in on the web once.",
    passes: true,
  },
  {
    id: "google-lockdown",
    pattern: /lockdown in sector/i,
    at: "anywhere",
    who: "Gmail",
    kind: "too-often",
    cause: "Too much was retrieved in a short time.",
    advice: "Wait: it may take 24 hours.",
    passes: true,
  },
];
