// The requirements of the large mail providers, found by the name of the server.

export interface Provider {
  readonly name: string;
  /** Names of servers. A name also covers its subdomains. */
  readonly hosts: readonly string[];
  /**
   * The domains of addresses, each with its POP3 server on port 995. `undefined`: the provider has no such server, or the domains are the
   * customers' own.
   */
  readonly servers?: Readonly<Record<string, string>>;
  /** The form of the user name. */
  readonly user?: "full address" | "local part";
  /** The secret that the provider accepts, as in `Gmail accepts ...`. */
  readonly secret?: string;
  /** Where the user turns POP on. */
  readonly switchOn?: string;
  /** The protocol to use, if the provider does not offer POP3. */
  readonly instead?: string;
}

export const PROVIDERS: readonly Provider[] = [
  {
    name: "Gmail",
    hosts: ["gmail.com", "googlemail.com"],
    servers: { "gmail.com": "pop.gmail.com", "googlemail.com": "pop.gmail.com" },
    user: "full address",
    secret:
      "an app password (2-Step Verification must be on) or OAuth2 (`popwright login google`), not the password of the account",
    switchOn: "Settings > Forwarding and POP/IMAP",
  },
  {
    name: "Microsoft 365 and Outlook.com",
    hosts: ["office365.com", "outlook.com", "hotmail.com", "live.com"],
    servers: {
      "outlook.com": "outlook.office365.com",
      "hotmail.com": "outlook.office365.com",
      "live.com": "outlook.office365.com",
      "msn.com": "outlook.office365.com",
    },
    user: "full address",
    secret: "only OAuth2 (`popwright login microsoft`, or --token-command), not passwords or app passwords",
    switchOn: "at Outlook.com in Settings > Mail > Forwarding and IMAP",
  },
  {
    name: "Yahoo",
    hosts: ["yahoo.com"],
    servers: { "yahoo.com": "pop.mail.yahoo.com" },
    user: "full address",
    secret: "an app password",
  },
  {
    name: "AOL",
    hosts: ["aol.com"],
    servers: { "aol.com": "pop.aol.com" },
    user: "full address",
    secret: "an app password",
  },
  {
    name: "GMX",
    hosts: ["gmx.net", "gmx.com", "gmx.de", "gmx.at", "gmx.ch"],
    servers: {
      "gmx.net": "pop.gmx.net",
      "gmx.com": "pop.gmx.com",
      "gmx.de": "pop.gmx.net",
      "gmx.at": "pop.gmx.net",
      "gmx.ch": "pop.gmx.net",
    },
    user: "full address",
    secret: "the password of the account; with two-factor authentication, an application password",
    switchOn: "the settings for POP3 and IMAP; it is turned off again after a long time without use",
  },
  {
    name: "WEB.DE",
    hosts: ["web.de"],
    servers: { "web.de": "pop3.web.de" },
    user: "local part",
    secret:
      "the password of the account, once in 15 minutes; with two-factor authentication, an application password",
    switchOn: "the settings for POP3 and IMAP; it is turned off again after a long time without use",
  },
  {
    name: "mail.com",
    hosts: ["mail.com"],
    servers: { "mail.com": "pop.mail.com" },
    user: "full address",
    switchOn: "the settings for POP3 and IMAP, only with a Premium account",
  },
  {
    name: "Zoho",
    hosts: ["zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zohocloud.ca"],
    servers: {
      "zoho.com": "pop.zoho.com",
      "zohomail.com": "pop.zoho.com",
      "zoho.eu": "pop.zoho.eu",
      "zohomail.eu": "pop.zoho.eu",
      "zoho.in": "pop.zoho.in",
      "zohomail.in": "pop.zoho.in",
      "zoho.com.au": "pop.zoho.com.au",
      "zoho.jp": "pop.zoho.jp",
      "zohocloud.ca": "pop.zohocloud.ca",
    },
    user: "full address",
    secret: "the password of the account; with two-factor authentication, an app password",
    switchOn: "Settings > Mail Accounts > POP Access; newer free plans do not include it",
  },
  {
    name: "Fastmail",
    hosts: ["fastmail.com"],
    servers: { "fastmail.com": "pop.fastmail.com", "fastmail.fm": "pop.fastmail.com" },
    user: "full address",
    secret: "an app password or OAuth2",
  },
  {
    name: "Yandex",
    hosts: ["yandex.com", "yandex.ru"],
    servers: { "yandex.com": "pop.yandex.com", "yandex.ru": "pop.yandex.ru", "ya.ru": "pop.yandex.ru" },
    user: "full address",
    secret: "an app password, but not OAuth2",
    switchOn: "Settings > Mail clients, with a choice of folders",
  },
  {
    name: "Mail.ru",
    hosts: ["mail.ru"],
    servers: {
      "mail.ru": "pop.mail.ru",
      "inbox.ru": "pop.mail.ru",
      "list.ru": "pop.mail.ru",
      "bk.ru": "pop.mail.ru",
    },
    user: "full address",
    secret: "a password for external applications",
  },
  {
    name: "Tencent Exmail",
    hosts: ["exmail.qq.com"],
    user: "full address",
    secret: "the password of the account, or a client code",
    switchOn: "the settings on the web",
  },
  {
    name: "QQ Mail",
    hosts: ["qq.com"],
    servers: { "qq.com": "pop.qq.com" },
    secret: "an authorization code, not the password",
    switchOn: "the settings on the web",
  },
  {
    name: "NetEase Mail",
    hosts: ["163.com", "126.com", "yeah.net"],
    servers: { "163.com": "pop.163.com", "126.com": "pop.126.com", "yeah.net": "pop.yeah.net" },
    user: "full address",
    secret: "an authorization code, not the password",
    switchOn: "the settings on the web, where POP3 has a setting of its own",
  },
  {
    name: "Naver",
    hosts: ["naver.com"],
    servers: { "naver.com": "pop.naver.com" },
    user: "full address",
    secret: "an app password, if 2-step verification is on",
    switchOn: "the settings for POP3 and IMAP",
  },
  {
    name: "Xfinity",
    hosts: ["comcast.net"],
    servers: { "comcast.net": "mail.comcast.net" },
    user: "full address",
    switchOn: "the security settings, by allowing third-party access",
  },
  {
    name: "T-Online",
    hosts: ["t-online.de"],
    servers: { "t-online.de": "securepop.t-online.de" },
    user: "full address",
    secret: "the e-mail password, which is not the password of the web site",
  },
  {
    name: "iCloud Mail",
    hosts: ["mail.me.com", "icloud.com", "me.com"],
    instead: "IMAP",
  },
  {
    name: "Proton Mail",
    hosts: ["proton.me", "protonmail.com", "protonmail.ch"],
    instead: "IMAP through Proton Mail Bridge",
  },
];

/** Finds the provider of a server by its name. */
export function providerAt(host: string): Provider | undefined {
  const name = host.toLowerCase().replace(/\.$/, "");
  return PROVIDERS.find(({ hosts }) => hosts.some((each) => name === each || name.endsWith(`.${each}`)));
}
