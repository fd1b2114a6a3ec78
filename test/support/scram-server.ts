// A SCRAM server for the tests, written from RFC 5802; it shares no code with the client under test.
import { createHash, createHmac } from "node:crypto";

export type Digest = "sha1" | "sha256" | "sha512";

export interface ScramServerOptions {
  readonly digest: Digest;
  /** As the server stores it: prepared. */
  readonly pass: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** The server's part of the nonce. */
  readonly nonce: string;
  /** The channel binding as this end of the connection has it. */
  readonly binding?: { readonly type: string; readonly data: Buffer };
}

/** `Hi` as section 2.2 spells it out, without Node's PBKDF2. */
export function hi(digest: Digest, pass: string, salt: Buffer, iterations: number): Buffer {
  let u = hmac(digest, Buffer.from(pass), Buffer.concat([salt, Buffer.from([0, 0, 0, 1])]));
  const sum = Buffer.from(u);
  for (let round = 1; round < iterations; round++) {
    u = hmac(digest, Buffer.from(pass), u);
    for (const [index, octet] of u.entries()) sum.writeUInt8(sum.readUInt8(index) ^ octet, index);
  }
  return sum;
}

function hmac(digest: Digest, key: Buffer, data: string | Buffer): Buffer {
  return createHmac(digest, key).update(data).digest();
}

export class ScramServer {
  /** What the client said of itself, the quoting undone. */
  user = "";
  authzid = "";
  flag = "";
  readonly #options: ScramServerOptions;
  #header = "";
  #signed = "";
  #nonce = "";

  constructor(options: ScramServerOptions) {
    this.#options = options;
  }

  /** Reads client-first-message; gives server-first-message. */
  first(message: Buffer): Buffer {
    const parts = /^(([^,]*),(?:a=([^,]*))?,)(n=([^,]*),r=([!-+\--~]+))$/.exec(message.toString());
    if (parts === null) throw new Error("no client-first-message");
    const [, header = "", flag = "", authzid = "", bare = "", user = "", nonce = ""] = parts;
    const unquoted = (name: string): string => {
      if (/=(?!2C|3D)/.test(name)) throw new Error("a name is quoted wrongly");
      return name.replace(/=2C/g, ",").replace(/=3D/g, "=");
    };
    Object.assign(this, { flag, user: unquoted(user), authzid: unquoted(authzid) });
    this.#header = header;
    this.#nonce = `${nonce}${this.#options.nonce}`;
    const reply = `r=${this.#nonce},s=${this.#options.salt.toString("base64")},i=${this.#options.iterations}`;
    this.#signed = `${bare},${reply}`;
    return Buffer.from(reply);
  }

  /** Reads client-final-message; gives server-final-message: `v=` for the right proof, `e=` for any other. */
  final(message: Buffer): Buffer {
    const parts = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)$/.exec(message.toString());
    if (parts === null) return Buffer.from("e=other-error");
    const [, withoutProof = "", bound = "", nonce = "", proof = ""] = parts;
    if (nonce !== this.#nonce) return Buffer.from("e=other-error");
    const { digest, pass, salt, iterations, binding } = this.#options;
    const data =
      this.flag === `p=${binding?.type ?? ""}` ? (binding?.data ?? Buffer.alloc(0)) : Buffer.alloc(0);
    if (!Buffer.from(bound, "base64").equals(Buffer.concat([Buffer.from(this.#header), data]))) {
      return Buffer.from("e=channel-bindings-dont-match");
    }
    const salted = hi(digest, pass, salt, iterations);
    const signed = `${this.#signed},${withoutProof}`;
    const stored = createHash(digest)
      .update(hmac(digest, salted, "Client Key"))
      .digest();
    const signature = hmac(digest, stored, signed);
    const shown = Buffer.from(proof, "base64");
    if (shown.length !== signature.length) return Buffer.from("e=invalid-proof");
    // The proof gives the client's key back, of which the server has the digest.
    const key = shown.map((octet, index) => octet ^ signature.readUInt8(index));
    if (!createHash(digest).update(key).digest().equals(stored)) return Buffer.from("e=invalid-proof");
    return Buffer.from(`v=${hmac(digest, hmac(digest, salted, "Server Key"), signed).toString("base64")}`);
  }
}
