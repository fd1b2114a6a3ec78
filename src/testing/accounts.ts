// Who may log in, and to which maildrop.
import { Maildrop } from "./maildrop.ts";

/** A user with a maildrop. */
export interface Pop3ServerUser {
  /** The password, and the shared secret of APOP. */
  readonly pass: string;
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
  readonly pass: string;
  readonly maildrop: Maildrop;
  /** When the last login succeeded, milliseconds since 1970. */
  lastLogin?: number;
}

export class Accounts {
  readonly #accounts: Map<string, Account> = new Map();

  constructor(users: Readonly<Record<string, Pop3ServerUser>>, exclusive: boolean) {
    for (const [name, user] of Object.entries(users)) {
      const maildrop = new Maildrop(exclusive);
      for (const [index, message] of (user.messages ?? []).entries())
        maildrop.add(message, user.uids?.[index]);
      this.#accounts.set(name, { name, pass: user.pass, maildrop });
    }
  }

  find(name: string): Account | undefined {
    return this.#accounts.get(name);
  }

  /** The account that this name and password open. */
  verify(name: string, pass: string): Account | undefined {
    const account = this.#accounts.get(name);
    return account?.pass === pass ? account : undefined;
  }
}
