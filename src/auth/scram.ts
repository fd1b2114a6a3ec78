// SCRAM (RFC 5802, RFC 7677): each side proves to the other that it knows the password, and shows it to nobody.
import { Pop3Error } from "../errors.ts";
import { crypto } from "./crypto.ts";
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

/** What stays the same when another binding is tried. */
interface Identity {
  readonly digest: Digest;
  readonly user: string;
  readonly pass: string;
  readonly authzid: string;
  readonly limits: ScramOptions;
  readonly newNonce: () => string;
}

const NOTHING = Buffer.alloc(0);

/** `plus`: with channel binding, or not at all. `newNonce` gives printable ASCII without commas. */
export function scram(digest: Digest, plus: boolean, newNonce: () => string = randomNonce): SaslMechanism {
  const bare = `SCRAM-${digest.toUpperCase().replace("SHA", "SHA-")}`;
  return {
    name: plus ? `${bare}-PLUS` : bare,
    cleartext: false,
    async start({ user, pass, authzid }, context) {
      const bindings = plus ? bindingsOf(context) : [{ flag: unboundFlag(bare, context), data: NOTHING }];
      const [binding, ...others] = bindings;
      if (binding === undefined) {
        throw new Pop3Error("POP3_NOT_SUPPORTED", `${bare}-PLUS: the connection has no channel binding`);
      }
      const identity: Identity = {
        digest,
        user: await saslprep(user, "user name"),
        pass: await saslprep(pass, "password"),
        authzid,
        limits: context.scram,
        newNonce,
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

/** 24 octets, as 32 characters. */
function randomNonce(): string {
  return crypto().randomBytes(24).toString("base64");
}

/** The channel bindings that the connection has, in the order of preference. */
function bindingsOf(context: SaslContext): Binding[] {
  return context.bindingTypes.flatMap((type) => {
    const data = context.channelBinding(type);
    return data === undefined ? [] : [{ flag: `p=${type}`, data }];
  });
}

/**
 * The flag without a binding (RFC 5802 section 6). `y` says that we could have bound, and saw no offer of it: a
 * server that did offer it then knows that somebody between us has cut its list. `n` where it is offered, and
 * the caller will not.
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
  /** Which message of the server makes sense; none does while another one is looked at, or after one that did not. */
  #expected: "first" | "final" | "none" = "first";
  /** What the server's final message has to show, in base64. */
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
      throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server goes on where SCRAM has come to its end");
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
    if (!this.#proven) throw unproven("has let the user in without proof");
  }

  /**
   * Before the proof, a refusal is about the binding; some servers look at that only with the proof. No binding is
   * weaker than another, so that another try gives nothing away; but a wrong password is not to be counted twice.
   */
  alternative(aboutSecret: boolean): SaslExchange | undefined {
    const [binding, ...others] = this.#others;
    if (binding === undefined || (aboutSecret && this.#expected !== "first")) return undefined;
    return new ScramExchange(this.#identity, binding, others);
  }

  /** The client's final message (RFC 5802 section 3). */
  async #prove(challenge: Buffer): Promise<Buffer> {
    const { digest, pass, limits } = this.#identity;
    const { nonce, salt, iterations } = parseServerFirst(challenge, this.#nonce, limits);
    const withoutProof = clientFinalWithoutProof(this.#header, this.#binding.data, nonce);
    // With the server's message as it came, octet by octet.
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
    const shown = Buffer.from(parseServerFinal(challenge));
    const wanted = this.#signature;
    if (shown.length !== wanted.length || !crypto().timingSafeEqual(shown, wanted)) {
      throw unproven("has shown a wrong proof");
    }
    this.#proven = true;
  }
}

function unproven(what: string): Pop3Error {
  return new Pop3Error("POP3_SCRAM_SERVER_SIGNATURE", `the server ${what} that it knows the password`);
}
