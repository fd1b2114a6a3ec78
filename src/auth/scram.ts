// SCRAM (RFC 5802, RFC 7677): client and server prove to each other that they know the password, and never
// send it.
import { Pop3Error } from "../errors.ts";
import { crypto } from "../system/crypto.ts";
import type { SaslContext, SaslExchange, SaslMechanism, ScramOptions } from "./mechanism.ts";
import { pbkdf2, type Digest } from "./pbkdf2.ts";
import { saslprep } from "./saslprep.ts";
import {
  clientFinalWithoutProof,
  clientFirstBare,
  gs2Header,
  parseServerFinal,
  parseServerFirst,
} from "./scram-message.ts";

/** How an exchange is bound to its TLS connection. */
interface Binding {
  /** The flag of the GS2 header: `n`, `y`, or `p=` and the type of the channel binding. */
  readonly flag: string;
  /** The data of the channel binding; empty without one. */
  readonly data: Buffer;
}

/** The values that do not change when another binding is tried. */
interface Identity {
  readonly digest: Digest;
  readonly user: string;
  readonly pass: string;
  readonly authzid: string;
  readonly limits: ScramOptions;
  readonly newNonce: () => string;
  readonly printable: SaslContext["printable"];
}

const NOTHING = Buffer.alloc(0);

/**
 * Makes a mechanism. `plus`: requires channel binding. `newNonce`: returns printable ASCII without commas.
 */
export function scram(digest: Digest, plus: boolean, newNonce: () => string = randomNonce): SaslMechanism {
  const bare = `SCRAM-${digest.toUpperCase().replace("SHA", "SHA-")}`;
  return {
    name: plus ? `${bare}-PLUS` : bare,
    cleartext: false,
    async start({ user, pass, authzid }, context) {
      const bindings = plus ? bindingsOf(context) : [{ flag: unboundFlag(bare, context), data: NOTHING }];
      const [binding, ...others] = bindings;
      if (binding === undefined) {
        throw new Pop3Error(
          "POP3_NOT_SUPPORTED",
          `${bare}-PLUS needs a channel binding, and this connection has none`,
        );
      }
      const identity: Identity = {
        digest,
        user: await saslprep(user, "user name"),
        pass: await saslprep(pass, "password"),
        authzid,
        limits: context.scram,
        newNonce,
        printable: context.printable,
      };
      return new ScramExchange(identity, binding, others);
    },
  };
}

export const scramSha1: SaslMechanism = scram("sha1", false);
export const scramSha1Plus: SaslMechanism = scram("sha1", true);
export const scramSha256: SaslMechanism = scram("sha256", false);
export const scramSha256Plus: SaslMechanism = scram("sha256", true);
export const scramSha512: SaslMechanism = scram("sha512", false);
export const scramSha512Plus: SaslMechanism = scram("sha512", true);

/** Returns 24 random octets as 32 characters. */
function randomNonce(): string {
  return crypto().randomBytes(24).toString("base64");
}

/** Returns the channel bindings of the connection, in the order of preference. */
function bindingsOf(context: SaslContext): Binding[] {
  return context.bindingTypes.flatMap((type) => {
    const data = context.channelBinding(type);
    return data === undefined ? [] : [{ flag: `p=${type}`, data }];
  });
}

/**
 * Returns the GS2 flag for an exchange without binding (RFC 5802 section 6). `y`: the client supports
 * binding, but the server did not list it. A server that did list it then knows that an attacker has changed
 * the list. `n`: the server lists it but the caller does not want it, or the connection has no binding.
 */
function unboundFlag(bare: string, context: SaslContext): "n" | "y" {
  return bindingsOf(context).length > 0 && !context.offered.includes(`${bare}-PLUS`) ? "y" : "n";
}

class ScramExchange implements SaslExchange {
  readonly initial: Buffer;
  readonly #identity: Identity;
  readonly #binding: Binding;
  readonly #others: readonly Binding[];
  readonly #header: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  /** The message that may come next; "none" while one is processed, and after a failure. */
  #expected: "first" | "final" | "none" = "first";
  /** The signature, in base64, that the server's final message must have. */
  #signature = NOTHING;
  #proven = false;

  constructor(identity: Identity, binding: Binding, others: readonly Binding[]) {
    this.#identity = identity;
    this.#binding = binding;
    this.#others = others;
    this.#header = gs2Header(binding.flag, identity.authzid);
    this.#nonce = identity.newNonce();
    this.#firstBare = clientFirstBare(identity.user, this.#nonce);
    this.initial = Buffer.from(`${this.#header}${this.#firstBare}`, "utf8");
  }

  async respond(challenge: Buffer): Promise<Buffer> {
    const expected = this.#expected;
    this.#expected = "none";
    if (expected === "none") {
      throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: SCRAM has finished");
    }
    if (expected === "final") {
      this.#verify(challenge);
      return NOTHING;
    }
    const response = await this.#prove(challenge);
    this.#expected = "final";
    return response;
  }

  succeeded(): void {
    if (!this.#proven) throw unproven("has accepted the login without proof");
  }

  /**
   * A refusal before the proof is about the binding. Some servers check the binding only together with the
   * proof. All bindings are equally strong, so that another try is not a downgrade; but a wrong password must
   * not be counted twice.
   */
  alternative(aboutSecret: boolean): SaslExchange | undefined {
    const [binding, ...others] = this.#others;
    if (binding === undefined || (aboutSecret && this.#expected !== "first")) return undefined;
    return new ScramExchange(this.#identity, binding, others);
  }

  /** Returns the client's final message (RFC 5802 section 3). */
  async #prove(challenge: Buffer): Promise<Buffer> {
    const { digest, pass, limits, printable } = this.#identity;
    const { nonce, salt, iterations } = parseServerFirst(challenge, this.#nonce, limits, printable);
    const withoutProof = clientFinalWithoutProof(this.#header, this.#binding.data, nonce);
    // The server's message is signed unchanged, octet for octet.
    const signed = Buffer.concat([
      Buffer.from(`${this.#firstBare},`, "utf8"),
      challenge,
      Buffer.from(`,${withoutProof}`, "utf8"),
    ]);
    const salted = await pbkdf2(digest, pass, salt, iterations);
    const hmac = (key: Buffer, data: string | Buffer): Buffer =>
      crypto().createHmac(digest, key).update(data).digest();
    const clientKey = hmac(salted, "Client Key");
    const storedKey = crypto().createHash(digest).update(clientKey).digest();
    const clientSignature = hmac(storedKey, signed);
    const proof = clientKey.map((octet, index) => octet ^ (clientSignature[index] as number));
    const serverSignature = hmac(hmac(salted, "Server Key"), signed);
    this.#signature = Buffer.from(serverSignature.toString("base64"));
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString("base64")}`);
  }

  #verify(challenge: Buffer): void {
    const shown = Buffer.from(parseServerFinal(challenge, this.#identity.printable));
    const wanted = this.#signature;
    if (shown.length !== wanted.length || !crypto().timingSafeEqual(shown, wanted)) {
      throw unproven("has sent a wrong proof");
    }
    this.#proven = true;
  }
}

function unproven(what: string): Pop3Error {
  return new Pop3Error("POP3_SCRAM_SERVER_SIGNATURE", `the server ${what} that it knows the password`);
}
