// The server's side of a login: USER and PASS, APOP (RFC 1939 section 7), AUTH (RFC 5034).
import { createHash } from "node:crypto";
import type { Account, Accounts } from "./accounts.ts";
import { challenge, err, ok, type Answer } from "./answer.ts";
import type { Exchange, SaslSession } from "./mechanisms/mechanism.ts";
import type { Offer } from "./offer.ts";

/**
 * One step of a login: an answer to send, the account that logged in, or the text of the refusal after
 * `-ERR`.
 */
export type Step = { readonly answer: Answer } | { readonly account: Account } | { readonly refusal: string };

export class Authentication {
  readonly #offer: Offer;
  readonly #accounts: Accounts;
  /** The timestamp of APOP, with its angle brackets. */
  readonly timestamp: string | undefined;
  /** The argument of the last USER. */
  #name: string | undefined;
  #exchange: Exchange | undefined;

  constructor(offer: Offer, accounts: Accounts, timestamp: string | undefined) {
    this.#offer = offer;
    this.#accounts = accounts;
    this.timestamp = timestamp;
  }

  /** Whether a challenge was sent: the next line of the client is the response to it. */
  get exchanging(): boolean {
    return this.#exchange !== undefined;
  }

  /** Forgets the USER command that came before TLS. */
  forget(): void {
    this.#name = undefined;
  }

  user(name: string): Step {
    this.#name = name;
    return { answer: ok("send PASS") };
  }

  pass(secret: string): Step {
    const name = this.#name;
    if (name === undefined) return { answer: err("USER comes first") };
    this.#name = undefined;
    return outcome(this.#accounts.verify(name, secret));
  }

  apop(name: string, digest: string): Step {
    const accounts = this.#accounts;
    const account = accounts.find(name);
    const secret = account?.pass === undefined ? undefined : accounts.prepare(account.pass);
    if (secret === undefined) return outcome(undefined);
    const hash = createHash("md5")
      .update(this.timestamp ?? "", "utf8")
      .update(secret, accounts.charset);
    return outcome(digest === hash.digest("hex") ? account : undefined);
  }

  /** `initial`: the initial response in base64; `=` for an empty one; `""` if the client sent none. */
  auth(name: string, initial: string, session: SaslSession): Step {
    const mechanism = this.#offer.mechanisms.get(name.toUpperCase());
    if (mechanism === undefined || !session.listed.includes(mechanism.name))
      return { answer: err("unknown mechanism") };
    if (initial !== "" && !mechanism.initialResponse) {
      return { answer: err("no initial response with this mechanism") };
    }
    const exchange = mechanism.exchange(this.#accounts, session);
    const first = exchange.next();
    if (first.done === true) return outcome(first.value);
    this.#exchange = exchange;
    if (initial === "") return { answer: challenge(first.value) };
    return this.respond(initial === "=" ? "" : initial);
  }

  /** Takes the client's response to a challenge. */
  respond(text: string): Step {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (text === "*") return { answer: err("authentication cancelled") };
    const response = decodeBase64(text);
    if (response === undefined) return { answer: err("not base64") };
    const step = exchange?.next(response);
    if (step === undefined || step.done === true) return outcome(step?.value);
    this.#exchange = exchange;
    return { answer: challenge(step.value) };
  }
}

function outcome(of: Account | string | undefined): Step {
  if (of === undefined) return { refusal: "[AUTH] wrong user name or password" };
  return typeof of === "string" ? { refusal: of } : { account: of };
}

/** RFC 5034 section 4: refuses characters outside the alphabet, and padding that is not at the end. */
function decodeBase64(text: string): Buffer | undefined {
  const valid = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return valid ? Buffer.from(text, "base64") : undefined;
}
