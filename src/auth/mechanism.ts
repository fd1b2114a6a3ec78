// A SASL mechanism (RFC 4422): challenges in, responses out, and no idea of sockets.
import type { OAuthRefusal } from "../errors.ts";

/** What a mechanism works with. */
export interface Credentials {
  /** The user name (authentication identity). */
  readonly user: string;
  /** The password; empty where the mechanism takes none. */
  readonly pass: string;
  /** The OAuth2 access token; empty where the mechanism takes none. */
  readonly accessToken: string;
  /** Whom to act for (authorization identity); empty: the user. */
  readonly authzid: string;
  /** A text as octets: UTF-8, or the charset that the caller chose for what goes out as it is (PLAIN, LOGIN). */
  readonly encode: (text: string) => Buffer;
}

/** Channel bindings (RFC 5929, RFC 9266): what both ends know of one TLS connection and nobody between them does. */
export type ChannelBindingType = "tls-exporter" | "tls-unique" | "tls-server-end-point";

/** What SCRAM is held to. */
export interface ScramOptions {
  /** Fewer iterations make the password cheap to guess from what a server gets (RFC 7677 section 4). @default 4096 */
  readonly minIterations: number;
  /** More iterations make the client work for whoever asks it to. @default 100000 */
  readonly maxIterations: number;
}

/** What a mechanism may know of the connection. */
export interface SaslContext {
  /** The name of the server, as it was dialled. */
  readonly host: string;
  readonly port: number;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The SASL mechanisms that the server lists, in upper case. */
  readonly offered: readonly string[];
  /** The binding types to try, in order; empty without TLS, and where bindings are switched off. */
  readonly bindingTypes: readonly ChannelBindingType[];
  /** The data of a channel binding, or `undefined` where this connection has none of that type. */
  channelBinding(type: ChannelBindingType): Buffer | undefined;
  readonly scram: ScramOptions;
}

export interface SaslMechanism {
  /** The registered name: `PLAIN`. */
  readonly name: string;
  /** Shows the secret, or what gives it, to whoever reads the wire: never chosen by itself without TLS. */
  readonly cleartext: boolean;
  /** Whether it can say whom to act for. @default true */
  readonly authzid?: boolean;
  /** What it proves the identity with. @default "password" */
  readonly secret?: "password" | "token" | "none";
  /**
   * Begins one authentication. Throws `POP3_INVALID_ARGUMENT` for credentials that it cannot send, and
   * `POP3_NOT_SUPPORTED` where it lacks what it needs.
   */
  start(credentials: Credentials, context: SaslContext): SaslExchange | Promise<SaslExchange>;
}

/** One authentication, from the client's side. */
export interface SaslExchange {
  /** The initial response. `undefined`: the server speaks first. */
  readonly initial?: Buffer | undefined;
  /** The challenges are prompts at most: what stands in them does not matter, not even whether it is base64. */
  readonly promptsOnly?: boolean;
  /** The response to a challenge, both without base64. Throws when the challenge makes no sense. */
  respond(challenge: Buffer): Buffer | Promise<Buffer>;
  /** The server says that the user is in. Throws where it has not proven what the mechanism wants proven. */
  succeeded?(): void;
  /** What the server said of a refusal in a challenge, before its `-ERR`: the JSON of OAuth2 (RFC 7628 section 3.2.2). */
  readonly refusal?: OAuthRefusal | undefined;
  /**
   * The exchange to try next after a `-ERR`: SCRAM with another channel binding. `aboutSecret`: the refusal may be about
   * the secret, as far as the server tells; then there is one only where nothing that depends on it was shown.
   */
  alternative?(aboutSecret: boolean): SaslExchange | undefined;
}
