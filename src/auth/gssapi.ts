// GSSAPI (RFC 4752): logs in with a Kerberos ticket, without a security layer (use TLS for that). The package
// `kerberos` does the cryptography. It is an optional peer dependency, loaded at the first login that needs
// it.
import { Pop3Error, type Pop3ErrorCode } from "../errors.ts";
import { foreignError } from "../protocol/foreign-error.ts";
import type { SaslContext, SaslMechanism } from "./mechanism.ts";
import { plainText } from "./message.ts";

/**
 * The part of the package that we use. Its own types differ from its code, and are missing if it is not
 * installed.
 */
export interface Kerberos {
  readonly GSS_MECH_OID_KRB5: number;
  readonly GSS_C_MUTUAL_FLAG: number;
  readonly GSS_C_SEQUENCE_FLAG: number;
  /** `service`: `pop@host`. */
  initializeClient(service: string, options: { mechOID: number; flags: number }): Promise<KerberosClient>;
}

/** A security context. All tokens and messages are base64. */
interface KerberosClient {
  /** Whether client and server have authenticated each other. */
  readonly contextComplete: boolean;
  /** Takes the server's token (`""` at first) and resolves with ours; `null` if there is none to send. */
  step(token: string): Promise<string | null>;
  unwrap(message: string): Promise<string>;
  /** Wraps the first 4 octets of `message`, followed by `user`. */
  wrap(message: string, options: { user: string }): Promise<string>;
}

/** The bit for "no security layer" in the mask of layers (RFC 4752 section 3.3). */
const NO_LAYER = 1;

/** Octets; the package truncates a longer identity, and would act for another user. */
const LONGEST_AUTHZID = 1024;

// A constant, because compilers and bundlers resolve a package that a literal import names.
const PACKAGE = "kerberos";
const MISSING = `GSSAPI needs the package "${PACKAGE}": npm install ${PACKAGE}`;

export const gssapi: SaslMechanism = gssapiFrom(async () => {
  const loaded = (await import(PACKAGE)) as Kerberos & { readonly default?: Kerberos };
  return loaded.default ?? loaded;
});

/** `load`: returns the package, or rejects if it is not installed. */
export function gssapiFrom(load: () => Promise<Kerberos>): SaslMechanism {
  return {
    name: "GSSAPI",
    cleartext: false,
    secret: "none",
    async start({ user, authzid }, { host, printable }) {
      // The ticket proves the identity. We name the user anyway: if the ticket belongs to another user, the
      // server refuses the login and does not open that user's maildrop.
      const actFor = plainText("the user name or the authorization identity", authzid || user);
      if (Buffer.byteLength(actFor) > LONGEST_AUTHZID) {
        throw new Pop3Error(
          "POP3_INVALID_ARGUMENT",
          `the user name or the authorization identity for GSSAPI must have at most ${LONGEST_AUTHZID} bytes`,
        );
      }
      const kerberos = await load().catch((cause: unknown) => {
        throw new Pop3Error("POP3_NOT_SUPPORTED", MISSING, { cause });
      });
      const service = `pop@${host}`;
      const context = await begin(kerberos, service, printable);
      let agreed = false;
      return {
        initial: context.token,
        async respond(challenge) {
          if (agreed) throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: GSSAPI has finished");
          try {
            const token = challenge.toString("base64");
            if (!context.client.contextComplete) return decode(await context.client.step(token));
            checkLayers(decode(await context.client.unwrap(token)));
            const answer = Buffer.of(NO_LAYER, 0, 0, 0).toString("base64");
            const wrapped = decode(await context.client.wrap(answer, { user: actFor }));
            agreed = true;
            return wrapped;
          } catch (cause) {
            throw failure(
              "POP3_AUTH_PROTOCOL",
              `Kerberos has refused the token of ${printable(service)}`,
              cause,
              printable,
            );
          }
        },
        succeeded() {
          if (!agreed) {
            throw new Pop3Error(
              "POP3_AUTH_PROTOCOL",
              "the server reported success before GSSAPI had finished",
            );
          }
        },
      };
    },
  };
}

/** Starts a security context with mutual authentication, and returns its first token. */
async function begin(
  kerberos: Kerberos,
  service: string,
  printable: SaslContext["printable"],
): Promise<{ client: KerberosClient; token: Buffer }> {
  try {
    const client = await kerberos.initializeClient(service, {
      mechOID: kerberos.GSS_MECH_OID_KRB5,
      flags: kerberos.GSS_C_MUTUAL_FLAG | kerberos.GSS_C_SEQUENCE_FLAG,
    });
    return { client, token: decode(await client.step("")) };
  } catch (cause) {
    throw failure("POP3_NOT_SUPPORTED", `Kerberos has no ticket for ${printable(service)}`, cause, printable);
  }
}

/**
 * Checks the server's offer: one octet with a bit for each security layer, then three with its maximum
 * message size.
 */
function checkLayers(layers: Buffer): void {
  if (layers.length !== 4) {
    throw new Pop3Error(
      "POP3_AUTH_PROTOCOL",
      `the server's list of security layers must have 4 bytes (got ${layers.length})`,
    );
  }
  if (((layers[0] as number) & NO_LAYER) === 0) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      "the server demands a GSSAPI security layer, which is not supported: use TLS",
    );
  }
}

const decode = (base64: string | null): Buffer => Buffer.from(base64 ?? "", "base64");

/** Makes an error with the text of Kerberos: it says what to do. */
function failure(
  code: Pop3ErrorCode,
  message: string,
  cause: unknown,
  printable: SaslContext["printable"],
): Pop3Error {
  if (Pop3Error.is(cause)) return cause;
  const words = cause instanceof Error ? `: ${printable(cause.message)}` : "";
  return new Pop3Error(code, `${message}${words}`, { cause: foreignError(cause) });
}
