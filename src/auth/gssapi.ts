// GSSAPI (RFC 4752): a Kerberos ticket, and no security layer, which is for TLS. The package `kerberos` does the
// cryptography: an optional peer, loaded when it is needed.
import { Pop3Error, type Pop3ErrorCode } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

/** What is used of the package. Its own types differ from its code, and are there only where it is installed. */
export interface Kerberos {
  readonly GSS_MECH_OID_KRB5: number;
  readonly GSS_C_MUTUAL_FLAG: number;
  readonly GSS_C_SEQUENCE_FLAG: number;
  /** `service`: `pop@host`. */
  initializeClient(service: string, options: { mechOID: number; flags: number }): Promise<KerberosClient>;
}

/** A security context. Octets go in and come out as base64. */
interface KerberosClient {
  /** Each side has proven itself to the other. */
  readonly contextComplete: boolean;
  /** Takes a token of the server, at first none, and gives ours; `null`: there is none to send. */
  step(token: string): Promise<string | null>;
  unwrap(message: string): Promise<string>;
  /** Wraps the first 4 octets of `message`, and `user` behind them. */
  wrap(message: string, options: { user: string }): Promise<string>;
}

/** A bit for each security layer (RFC 4752 section 3.3): this one is for none. */
const NO_LAYER = 1;

/** Octets; the package would cut off what is longer, and so act for somebody else. */
const LONGEST_AUTHZID = 1024;

// A name of its own, as compilers and bundlers look for packages that are named in an import.
const PACKAGE = "kerberos";
const MISSING = `GSSAPI needs the package "${PACKAGE}": npm install ${PACKAGE}`;

export const gssapi: SaslMechanism = gssapiFrom(async () => {
  const loaded = (await import(PACKAGE)) as Kerberos & { readonly default?: Kerberos };
  return loaded.default ?? loaded;
});

/** `load` gives the package, or throws where it is not installed. */
export function gssapiFrom(load: () => Promise<Kerberos>): SaslMechanism {
  return {
    name: "GSSAPI",
    cleartext: false,
    secret: "none",
    async start({ user, authzid }, { host }) {
      // Who the client is stands in the ticket. The user is named all the same: where the ticket is somebody
      // else's, the server refuses, and does not open the maildrop of that one.
      const actFor = plainText("the user name or the authorization identity", authzid || user);
      if (Buffer.byteLength(actFor) > LONGEST_AUTHZID) {
        throw new Pop3Error(
          "POP3_INVALID_ARGUMENT",
          `GSSAPI takes a user name or an authorization identity of ${LONGEST_AUTHZID} octets at most`,
        );
      }
      const kerberos = await load().catch((cause: unknown) => {
        throw new Pop3Error("POP3_NOT_SUPPORTED", MISSING, { cause });
      });
      const service = `pop@${host}`;
      const context = await begin(kerberos, service);
      let agreed = false;
      return {
        initial: context.token,
        async respond(challenge) {
          if (agreed) throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server goes on behind the last message");
          try {
            const token = challenge.toString("base64");
            if (!context.client.contextComplete) return decode(await context.client.step(token));
            checkLayers(decode(await context.client.unwrap(token)));
            const answer = Buffer.of(NO_LAYER, 0, 0, 0).toString("base64");
            const wrapped = decode(await context.client.wrap(answer, { user: actFor }));
            agreed = true;
            return wrapped;
          } catch (cause) {
            throw failure("POP3_AUTH_PROTOCOL", `Kerberos does not take the token of ${service}`, cause);
          }
        },
        succeeded() {
          if (!agreed) {
            throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server has not gone through with GSSAPI");
          }
        },
      };
    },
  };
}

/** A security context, in which the server has to prove itself too, and its first token. */
async function begin(
  kerberos: Kerberos,
  service: string,
): Promise<{ client: KerberosClient; token: Buffer }> {
  try {
    const client = await kerberos.initializeClient(service, {
      mechOID: kerberos.GSS_MECH_OID_KRB5,
      flags: kerberos.GSS_C_MUTUAL_FLAG | kerberos.GSS_C_SEQUENCE_FLAG,
    });
    return { client, token: decode(await client.step("")) };
  } catch (cause) {
    throw failure("POP3_NOT_SUPPORTED", `Kerberos has no ticket for ${service}`, cause);
  }
}

/** What the server says of security layers: a bit for each, and how many octets it takes at once, in three octets. */
function checkLayers(layers: Buffer): void {
  if (layers.length !== 4) {
    throw new Pop3Error("POP3_AUTH_PROTOCOL", "what the server says of security layers has not 4 octets");
  }
  if (((layers[0] as number) & NO_LAYER) === 0) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      "the server wants GSSAPI to protect the session, which is for TLS to do",
    );
  }
}

const decode = (base64: string | null): Buffer => Buffer.from(base64 ?? "", "base64");

/** With Kerberos's own words, which say what to do about it and have no secrets in them. */
function failure(code: Pop3ErrorCode, message: string, cause: unknown): Pop3Error {
  if (Pop3Error.is(cause)) return cause;
  const words = cause instanceof Error ? `: ${printable(cause.message)}` : "";
  return new Pop3Error(code, `${message}${words}`, { cause });
}
