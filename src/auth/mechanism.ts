// The interfaces of a SASL mechanism (RFC 4422): challenges in, responses out, no I/O.
import type { OAuthRefusal } from "../errors.ts";

/** The credentials that a mechanism gets. */
export interface Credentials {
  /** The user name (authentication identity). */
  readonly user: string;
  /** The password; empty if the mechanism does not need it. */
  readonly pass: string;
  /** The OAuth2 access token; empty if the mechanism does not need it. */
  readonly accessToken: string;
  /** The user to act for (authorization identity); empty: the user who logs in. */
  readonly authzid: string;
  /**
   * Encodes a text as UTF-8, or in the charset that the caller chose. For PLAIN and LOGIN, which send plain
   * text.
   */
  readonly encode: (text: string) => Buffer;
}

/**
 * The types of channel bindings (RFC 5929, RFC 9266): data that only the two ends of a TLS connection know.
 */
export type ChannelBindingType = "tls-exporter" | "tls-unique" | "tls-server-end-point";

/** The limits for the number of iterations that a server may demand from SCRAM. */
export interface ScramOptions {
  /**
   * With fewer iterations, a hostile server could guess the password cheaply (RFC 7677 section 4).
   * @default 4096
   */
  readonly minIterations: number;
  /** With more iterations, a hostile server could keep the client's CPU busy. @default 100000 */
  readonly maxIterations: number;
}

/** The facts about the connection that a mechanism may use. */
export interface SaslContext {
  /** The host name of the server, as given in the options. */
  readonly host: string;
  /** The port of the server. */
  readonly port: number;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The SASL mechanisms that the server lists, in upper case. */
  readonly offered: readonly string[];
  /** The binding types to try, in order; empty without TLS and if channel binding is switched off. */
  readonly bindingTypes: readonly ChannelBindingType[];
  /** Returns the data of a channel binding; `undefined` if this connection does not have that type. */
  channelBinding(type: ChannelBindingType): Buffer | undefined;
  /** The limits on what the server may ask of SCRAM. */
  readonly scram: ScramOptions;
  /**
   * Makes text of the server safe for an error message: without the secrets of the session, with escapes in
   * place of invisible characters, and at most 512 characters long.
   */
  readonly printable: (text: string) => string;
}

/** A SASL mechanism for the login (RFC 5034). Implement it to add your own. */
export interface SaslMechanism {
  /** The registered name, such as `PLAIN`. */
  readonly name: string;
  /** Whether an eavesdropper can read the secret. Without TLS, such a mechanism is not used by default. */
  readonly cleartext: boolean;
  /** Whether it can send an authorization identity. @default true */
  readonly authzid?: boolean;
  /** The kind of secret that it needs. @default "password" */
  readonly secret?: "password" | "token" | "none";
  /**
   * Starts one authentication. Throws `POP3_INVALID_ARGUMENT` if it cannot send the credentials, and
   * `POP3_NOT_SUPPORTED` if something that it needs is missing, such as a package.
   */
  start(credentials: Credentials, context: SaslContext): SaslExchange | Promise<SaslExchange>;
}

/** The client's side of one authentication. */
export interface SaslExchange {
  /** The initial response. `undefined`: the server speaks first. */
  readonly initial?: Buffer | undefined;
  /** Whether challenges are only prompts: their text is ignored, even if it is not valid base64. */
  readonly promptsOnly?: boolean;
  /**
   * Returns the response to a challenge, both without base64. Throws if the challenge is malformed or
   * unexpected.
   */
  respond(challenge: Buffer): Buffer | Promise<Buffer>;
  /**
   * Called when the server reports success. Throws if the server has not sent the proof that the mechanism
   * demands.
   */
  succeeded?(): void;
  /**
   * The reason of a refusal that the server sent in a challenge before `-ERR`: OAuth2 JSON (RFC 7628 section
   * 3.2.2).
   */
  readonly refusal?: OAuthRefusal | undefined;
  /**
   * Returns the exchange to try after `-ERR`: SCRAM with another channel binding. `aboutSecret`: the server
   * may have refused the secret. Then there is another exchange only if this one has sent nothing that
   * depends on the secret.
   */
  alternative?(aboutSecret: boolean): SaslExchange | undefined;
}
