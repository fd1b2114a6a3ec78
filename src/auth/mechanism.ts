// A SASL mechanism (RFC 4422): challenges in, responses out, and no idea of sockets.

/** What a mechanism works with. */
export interface Credentials {
  /** The user name (authentication identity). */
  readonly user: string;
  /** The password. */
  readonly pass: string;
  /** Whom to act for (authorization identity); empty: the user. */
  readonly authzid: string;
}

export interface SaslMechanism {
  /** The registered name: `PLAIN`. */
  readonly name: string;
  /** Shows the secret, or what gives it, to whoever reads the wire: never chosen by itself without TLS. */
  readonly cleartext: boolean;
  /** Whether it can say whom to act for. @default true */
  readonly authzid?: boolean;
  start(credentials: Credentials): SaslExchange;
}

/** One authentication, from the client's side. */
export interface SaslExchange {
  /** The initial response. `undefined`: the server speaks first. */
  readonly initial?: Buffer;
  /** The challenges are prompts at most: what stands in them does not matter, not even whether it is base64. */
  readonly promptsOnly?: boolean;
  /** The response to a challenge, both without base64. Throws when the challenge makes no sense. */
  respond(challenge: Buffer): Buffer;
}
