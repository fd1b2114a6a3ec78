// How often known providers let one account log in, as data: what they document, what their servers list, and what
// they answer to clients that come sooner. It is the least pause between two polls there, unless the caller sets one.

const MINUTE = 60_000;

/** The rate of one provider. Times in milliseconds. */
export interface LoginRate {
  readonly name: string;
  /** The server's name, or a domain that it ends with. */
  readonly hosts: readonly string[];
  /** The shortest pause between two polls of one mailbox. */
  readonly poll: number;
  /**
   * The server refuses a login within this time after the last one, and does not say so in CAPA. Another session of the
   * same run counts, too.
   */
  readonly login?: number;
}

export const LOGIN_RATES: readonly LoginRate[] = [
  {
    // CAPA lists LOGIN-DELAY 300, which is kept in any case. Google's help page warns that an account may be blocked if
    // it is checked more than once in 10 minutes, and clients that poll each 5 to 10 minutes have seen "[SYS/TEMP]
    // Temporary system problem".
    name: "Gmail",
    hosts: ["gmail.com", "googlemail.com"],
    poll: 10 * MINUTE,
  },
  {
    // Outlook.com and Hotmail have answered STAT and LIST with "login allowed only every 15 minutes" and "Exceeded the
    // login limit for a 15 minute period". Microsoft 365 publishes no number; after many logins it answers right
    // passwords as if they were wrong. Both have the same servers.
    name: "Microsoft",
    hosts: ["office365.com", "outlook.com", "hotmail.com", "live.com"],
    poll: 15 * MINUTE,
  },
  {
    // The entry of Thunderbird's database of providers says one check in 15 minutes: a login before that is refused in
    // the words of a wrong password.
    name: "WEB.DE",
    hosts: ["web.de"],
    poll: 15 * MINUTE,
    login: 15 * MINUTE,
  },
  {
    // An older help page of OVH says that a second login within 60 seconds is cut off.
    name: "OVH",
    hosts: ["ovh.net"],
    poll: MINUTE,
    login: MINUTE,
  },
];

/** Finds the login rate of a server by its name. */
export function loginRateAt(host: string): LoginRate | undefined {
  const name = host.toLowerCase().replace(/\.$/, "");
  return LOGIN_RATES.find(({ hosts }) => hosts.some((each) => name === each || name.endsWith(`.${each}`)));
}
