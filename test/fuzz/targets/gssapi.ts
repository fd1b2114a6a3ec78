// The last steps of GSSAPI (RFC 4752 section 3.1): the server's security layers. The input is what Kerberos has unwrapped, one
// challenge in each line. Oracles: a login without a layer succeeds only if the server offers that in exactly four octets, and
// only after it; the answer asks for no layer; only typed errors are thrown.
import { gssapiFrom, type Kerberos } from "../../../src/auth/gssapi.ts";
import { CONTEXT, CREDENTIALS } from "../../support/sasl.ts";
import { expectSame, expectThat, octets, settledOutcome, text } from "../oracle.ts";

export const FILES: readonly string[] = ["auth/gssapi"];
export const TOKENS: readonly string[] = [
  "\x01\0\0\0",
  "\x07\0\x10\0",
  "\x06\0\0\0",
  "\n",
  "\0",
  "\x01",
  "ok\n",
  "refuse\n",
];

const CODES = ["POP3_AUTH_PROTOCOL", "POP3_NOT_SUPPORTED"];

/** Kerberos that takes every token: the context is complete after `ok`. */
function kerberos(wrapped: string[]): Kerberos {
  let contextComplete = false;
  const client = {
    get contextComplete() {
      return contextComplete;
    },
    step: (token: string): Promise<string | null> => {
      const said = text(Buffer.from(token, "base64"));
      contextComplete = said === "ok";
      if (said === "refuse") return Promise.reject(new Error("GSS failure\n\u001b[31m"));
      return Promise.resolve(said === "" ? null : token);
    },
    unwrap: (message: string): Promise<string> => Promise.resolve(message),
    wrap: (message: string, { user }: { user: string }): Promise<string> => {
      wrapped.push(`${message} ${user}`);
      return Promise.resolve(message);
    },
  };
  return {
    GSS_MECH_OID_KRB5: 9,
    GSS_C_MUTUAL_FLAG: 2,
    GSS_C_SEQUENCE_FLAG: 8,
    initializeClient: () => Promise.resolve(client),
  };
}

export async function fuzz(data: Buffer): Promise<void> {
  const wrapped: string[] = [];
  const mechanism = gssapiFrom(() => Promise.resolve(kerberos(wrapped)));
  const exchange = await mechanism.start(CREDENTIALS, CONTEXT);
  let [isComplete, hasAgreed] = [false, false];
  for (const challenge of text(data).split("\n").slice(0, 6)) {
    const isOffer = isComplete && !hasAgreed && challenge.length === 4 && (challenge.charCodeAt(0) & 1) === 1;
    const answer = await settledOutcome(CODES, async () => exchange.respond(octets(challenge)));
    if (isComplete) expectSame("value" in answer, isOffer, "the security layers of a server");
    if (isOffer) {
      hasAgreed = true;
      expectSame(wrapped, [`AQAAAA== ${CREDENTIALS.user}`], "what the client asks for");
    }
    if (!isComplete) isComplete = challenge === "ok";
  }
  const end = await settledOutcome(CODES, async () => exchange.succeeded?.());
  expectThat("value" in end === hasAgreed, "a login before the end of GSSAPI", text(data));
}
