// Who may log in, with what, and to which maildrop.
import { Maildrop } from "./maildrop.ts";
import { saslprep } from "./saslprep.ts";

/** A user with a maildrop. */
export interface Pop3ServerUser {
  /**
   * The password, and the shared secret of APOP, CRAM-MD5, DIGEST-MD5 and SCRAM.
   * @default none: no password is right
   */
  readonly pass?: string;
  /**
   * The access token of XOAUTH2 and OAUTHBEARER, or a function that says whether a token is right.
   * @default none: no token is right
   */
  readonly accessToken?: string | ((token: string) => boolean);
  /**
   * The common name in the client's certificate, by which EXTERNAL knows the user.
   * @default the user's name
   */
  readonly certificateName?: string;
  /**
   * What is said behind `-ERR` where a login would have succeeded: `[SYS/TEMP] try again later`.
   * @default nothing: the login succeeds
   */
  readonly refusal?: string;
  /** The messages, octet for octet; strings are taken as UTF-8, and their line ends stay as they are. */
  readonly messages?: readonly (Buffer | Uint8Array | string)[];
  /**
   * The unique-ids of `messages`, in their order.
   * @default `uid-1`, `uid-2` ...
   */
  readonly uids?: readonly string[];
}

/** One who may log in. */
export interface Account {
  readonly name: string;
  readonly pass: string | undefined;
  readonly accessToken: string | ((token: string) => boolean) | undefined;
  readonly certificateName: string;
  readonly refusal: string | undefined;
  readonly maildrop: Maildrop;
  /** When the last login succeeded, milliseconds since 1970. */
  lastLogin?: number;
}

/** How the octets of a name or a password are to be read. */
export type Charset = "utf8" | "latin1";

const ASCII = /^[\0-\x7f]*$/;

export class Accounts {
  /** Of names and passwords. */
  readonly charset: Charset;
  readonly #accounts: Map<string | undefined, Account> = new Map();

  constructor(
    users: Readonly<Record<string, Pop3ServerUser>>,
    exclusive: boolean,
    charset: Charset = "utf8",
  ) {
    this.charset = charset;
    for (const [name, user] of Object.entries(users)) {
      const maildrop = new Maildrop(exclusive);
      for (const [index, message] of (user.messages ?? []).entries())
        maildrop.add(message, user.uids?.[index]);
      const { pass, accessToken, certificateName = name, refusal } = user;
      const account = { name, pass, accessToken, certificateName, refusal, maildrop };
      this.#accounts.set(this.prepare(name) ?? name, account);
    }
  }

  find(name: string): Account | undefined {
    return this.#accounts.get(this.prepare(name));
  }

  /** The account that this name and password open. */
  verify(name: string, pass: string): Account | undefined {
    const account = this.find(name);
    const given = this.prepare(pass);
    if (account?.pass === undefined || given === undefined) return undefined;
    return given === this.prepare(account.pass) ? account : undefined;
  }

  /** The account that this access token opens; without a name any that it does open. */
  verifyToken(name: string | undefined, token: string): Account | undefined {
    const candidates = name === undefined ? [...this.#accounts.values()] : [this.find(name)];
    return candidates.find((account) => {
      const right = account?.accessToken;
      return typeof right === "function" ? right(token) : right !== undefined && right === token;
    });
  }

  /** The account of whoever has a certificate with this common name. */
  certified(commonName: string): Account | undefined {
    return [...this.#accounts.values()].find((account) => account.certificateName === commonName);
  }

  /**
   * The form in which names and passwords are compared (RFC 6856 section 2.2), `undefined` for what none may be.
   * ASCII stays as it is, and so does all of a legacy charset.
   */
  prepare(text: string): string | undefined {
    return this.charset === "latin1" || ASCII.test(text) ? text : saslprep(text);
  }
}
