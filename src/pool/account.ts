// Whose session it is: which maildrop it locks, and which accounts may share it, one behind the other.
import type { Pop3Auth } from "../options/auth.ts";
import { checkObject } from "../options/checks.ts";
import { completeOptions, type Pop3ClientOptions, type Settings } from "../options/client.ts";
import { parseUrl } from "../options/url.ts";
import { copyOf, fingerprintOf, sameFingerprint, type Fingerprint } from "./fingerprint.ts";
import type { PermitKey } from "./scheduler.ts";

export class Account implements PermitKey {
  /** A copy: what becomes of the caller's object while the call waits has nothing to do with it. */
  readonly options: Pop3ClientOptions;
  readonly settings: Settings;
  /** A name for the maildrop: one session at a time has it. */
  readonly maildrop: string;
  /** In lower case. */
  readonly host: string;
  /** All that a session depends on. */
  readonly #facts: Fingerprint;

  /** Throws `POP3_CONFIG` for options that make no sense. */
  constructor(given: Pop3ClientOptions | string | URL) {
    const options = typeof given === "string" || given instanceof URL ? parseUrl(given) : given;
    checkObject("options", options);
    this.options = copyOf(options);
    this.settings = completeOptions(this.options);
    this.host = this.settings.host.toLowerCase();
    this.maildrop = `${ownerOf(options.auth)}\0${this.host}\0${this.settings.port}`;
    this.#facts = fingerprintOf(this.settings);
  }

  /** Whether another connection can be made: a stream that was given is used up by the first. */
  get reconnects(): boolean {
    const { socket } = this.settings;
    return socket === undefined || typeof socket === "function";
  }

  /** Whether a session may serve another use: it is known who has logged in. */
  get reusable(): boolean {
    return this.reconnects && this.settings.auth !== undefined;
  }

  /** Whether the other's session may serve this one: every option is the same, credentials and TLS among them. */
  matches(other: Account): boolean {
    return sameFingerprint(this.#facts, other.#facts);
  }
}

/** Whose maildrop it is. Without a name, the object stands for it; without a login, every use is on its own. */
function ownerOf(auth: Pop3Auth | undefined): string {
  const name = auth?.authzid === undefined || auth.authzid === "" ? auth?.user : auth.authzid;
  // No name has a NUL in it.
  return name ?? `\0${auth === undefined ? ++nameless : numberOf(auth)}`;
}

let nameless = 0;
const numbers = new WeakMap<object, number>();

function numberOf(object: object): number {
  const number = numbers.get(object) ?? ++nameless;
  numbers.set(object, number);
  return number;
}
