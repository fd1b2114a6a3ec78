// The keys of SCRAM (RFC 5802 section 3). Deriving them is slow, so they are cached for each account.
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Account } from "../accounts.ts";
import { saslprep } from "../saslprep.ts";

/** The hashes of SCRAM, as Node names them. */
export type ScramHash = "sha1" | "sha256" | "sha512";

export class ScramKeys {
  static readonly #derived: WeakMap<Account, Map<string, ScramKeys>> = new WeakMap();
  readonly #hash: ScramHash;
  readonly #stored: Buffer;
  readonly #server: Buffer;

  private constructor(hash: ScramHash, salted: Buffer) {
    this.#hash = hash;
    this.#stored = createHash(hash).update(createHmac(hash, salted).update("Client Key").digest()).digest();
    this.#server = createHmac(hash, salted).update("Server Key").digest();
  }

  /** Returns the keys; `undefined` if the account has no password, or one that SASLprep prohibits. */
  static of(account: Account, hash: ScramHash, salt: Buffer, iterations: number): ScramKeys | undefined {
    const pass = account.pass === undefined ? undefined : saslprep(account.pass);
    if (pass === undefined) return undefined;
    const kept = this.#derived.get(account) ?? new Map<string, ScramKeys>();
    this.#derived.set(account, kept);
    const which = `${hash} ${String(iterations)} ${salt.toString("hex")}`;
    let keys = kept.get(which);
    if (keys === undefined) {
      const octets = createHash(hash).digest().length;
      keys = new ScramKeys(hash, pbkdf2Sync(Buffer.from(pass, "utf8"), salt, iterations, octets, hash));
      kept.set(which, keys);
    }
    return keys;
  }

  /** Returns whether the client knows the password: proof XOR signature must give the client key. */
  isProvenBy(proof: Buffer, authMessage: string): boolean {
    const signature = createHmac(this.#hash, this.#stored).update(authMessage, "utf8").digest();
    if (proof.length !== signature.length) return false;
    const key = signature.map((octet, index) => octet ^ (proof[index] ?? 0));
    return createHash(this.#hash).update(key).digest().equals(this.#stored);
  }

  /** Returns the signature that proves to the client that the server knows the password. */
  serverSignature(authMessage: string): Buffer {
    return createHmac(this.#hash, this.#server).update(authMessage, "utf8").digest();
  }
}
