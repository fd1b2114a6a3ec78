// The account of a session: identifies its maildrop, and decides which account may reuse the session.
import { AUTH_OPTIONS, type Pop3Auth } from "../options/auth.ts";
import { checkNames, checkObject } from "../options/checks.ts";
import {
  CLIENT_OPTIONS,
  completeOptions,
  optionsFrom,
  type Pop3ClientOptions,
  type Settings,
} from "../options/client.ts";
import { copyOf } from "./copy.ts";
import { fingerprintOf, sameFingerprint, type Fingerprint } from "./fingerprint.ts";
import type { PermitKey } from "./scheduler.ts";

export class Account implements PermitKey {
  /** A copy: the caller may change its objects while the call waits. */
  readonly options: Pop3ClientOptions;
  readonly settings: Settings;
  /** Identifies the maildrop: only one session at a time may use it. */
  readonly maildrop: string;
  /** In lower case. */
  readonly host: string;
  /** All options that a session depends on. */
  readonly #facts: Fingerprint;

  /** Copies and checks the options. Throws `POP3_CONFIG` if they are invalid. `logger`: used if they have none. */
  constructor(given: Pop3ClientOptions | string | URL, logger?: Pop3ClientOptions["logger"]) {
    const options = optionsFrom(given);
    checkObject("options", options);
    // The copy has only known options, and would hide a typo.
    checkNames("", options, Object.keys(CLIENT_OPTIONS));
    const auth: unknown = options.auth;
    if (typeof auth === "object" && auth !== null) checkNames("auth", auth, Object.keys(AUTH_OPTIONS));
    const copy = copyOf(options);
    this.options = logger === undefined ? copy : { logger, ...copy };
    this.settings = completeOptions(this.options);
    this.host = this.settings.host.toLowerCase();
    this.maildrop = `${ownerOf(options.auth)}\0${this.host}\0${this.settings.port}`;
    this.#facts = fingerprintOf(this.settings);
  }

  /** Whether the account can connect more than once. It cannot if the caller gave a socket. */
  get reconnects(): boolean {
    const { socket } = this.settings;
    return socket === undefined || typeof socket === "function";
  }

  /** Whether a session of the account may be reused. It may not without `auth`: the user is unknown. */
  get reusable(): boolean {
    return this.reconnects && this.settings.auth !== undefined;
  }

  /** Whether a session of `other` may be reused: all options are equal, including credentials and TLS. */
  matches(other: Account): boolean {
    return sameFingerprint(this.#facts, other.#facts);
  }
}

/** Names the owner of the maildrop. Without a name, one per `auth` object; without `auth`, one per use. */
function ownerOf(auth: Pop3Auth | undefined): string {
  const name = auth?.authzid === undefined || auth.authzid === "" ? auth?.user : auth.authzid;
  // A user name cannot contain NUL, so these names cannot collide with one.
  return name ?? `\0${auth === undefined ? ++nameless : numberOf(auth)}`;
}

let nameless = 0;
const numbers = new WeakMap<object, number>();

function numberOf(object: object): number {
  const number = numbers.get(object) ?? ++nameless;
  numbers.set(object, number);
  return number;
}
