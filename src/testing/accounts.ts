// The users of the test server: their secrets and their maildrops.
import { argumentError, checkString } from "../options/checks.ts";
import { typeOf } from "../protocol/printable.ts";
import { Maildrop } from "./maildrop.ts";
import { isListOf, isMessage, isSecret, isSecretly, isString, type Checks } from "./option-checks.ts";
import { saslprep } from "./saslprep.ts";

/** A user with a maildrop. */
export interface Pop3ServerUser {
  /**
   * The password. It is also the shared secret of APOP, CRAM-MD5, DIGEST-MD5 and SCRAM.
   * @default none: every password is refused
   */
  readonly pass?: string;
  /**
   * The access token for XOAUTH2 and OAUTHBEARER, or a function that returns whether it accepts a token.
   * @default none: every token is refused
   */
  readonly accessToken?: string | ((token: string) => boolean);
  /**
   * The common name in the client's certificate. EXTERNAL uses it to find the user.
   * @default the name of the user
   */
  readonly certificateName?: string;
  /**
   * Refuses a correct login with `-ERR` and this text, for example `[SYS/TEMP] try again later`.
   * @default none: a correct login succeeds
   */
  readonly refusal?: string;
  /** The messages, stored byte for byte. A string is encoded as UTF-8; its line ends are not changed. */
  readonly messages?: readonly (Buffer | Uint8Array | string)[];
  /**
   * The unique-ids of `messages`, in the same order.
   * @default `uid-1`, `uid-2` ...
   */
  readonly uids?: readonly string[];
}

/** The checks of the options of a user. */
export const USER_CHECKS: Checks<Pop3ServerUser> = {
  pass: isSecret,
  accessToken: isSecretly("a string or a function", (value) => ["string", "function"].includes(typeof value)),
  certificateName: isString,
  refusal: isString,
  messages: isListOf(isMessage),
  uids: isListOf(isString),
};

/** A user who can log in. */
export interface Account {
  /** The name of the user. */
  readonly name: string;
  /** The password; `undefined`: every password is refused. */
  readonly pass: string | undefined;
  /** The access token, or a function that accepts tokens; `undefined`: every token is refused. */
  readonly accessToken: string | ((token: string) => boolean) | undefined;
  /** The common name in the certificate of the client. */
  readonly certificateName: string;
  /** The text with which a correct login is refused. */
  readonly refusal: string | undefined;
  /** The messages of the user. */
  readonly maildrop: Maildrop;
  /** The time of the last successful login, in milliseconds since 1970. */
  lastLogin?: number;
}

/** The charset of the bytes of a name or a password. */
export type Charset = "utf8" | "latin1";

const ASCII = /^[\0-\x7f]*$/;

/** The users of a server. Its methods throw `POP3_INVALID_ARGUMENT` for a name or a secret that is not a string. */
export class Accounts {
  /** The charset of names and passwords. */
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

  /** Returns the account with this name. */
  find(name: string): Account | undefined {
    checkString("name", name, argumentError);
    return this.#accounts.get(this.prepare(name));
  }

  /** Returns the account with this name and password. */
  verify(name: string, pass: string): Account | undefined {
    const account = this.find(name);
    checkSecret("pass", pass);
    const given = this.prepare(pass);
    if (account?.pass === undefined || given === undefined) return undefined;
    return given === this.prepare(account.pass) ? account : undefined;
  }

  /**
   * Returns the account with this name that accepts the token; without a name, the first account that does.
   */
  verifyToken(name: string | undefined, token: string): Account | undefined {
    checkSecret("token", token);
    const candidates = name === undefined ? [...this.#accounts.values()] : [this.find(name)];
    return candidates.find((account) => {
      const right = account?.accessToken;
      return typeof right === "function" ? right(token) : right !== undefined && right === token;
    });
  }

  /** Returns the account whose certificate has this common name. */
  certified(commonName: string): Account | undefined {
    checkString("commonName", commonName, argumentError);
    return [...this.#accounts.values()].find((account) => account.certificateName === commonName);
  }

  /**
   * Returns the form in which names and passwords are compared (RFC 6856 section 2.2). Returns `undefined`
   * for a text that SASLprep prohibits. ASCII is not changed; with `latin1` nothing is.
   */
  prepare(text: string): string | undefined {
    checkString("text", text, argumentError);
    return this.charset === "latin1" || ASCII.test(text) ? text : saslprep(text);
  }
}

function checkSecret(what: string, value: unknown): void {
  if (typeof value !== "string") throw argumentError(`${what} must be a string (got ${typeOf(value)})`);
}
