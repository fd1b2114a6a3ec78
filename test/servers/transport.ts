// The three transports to a server: each test chooses one, and specifies nothing else about the connection.
import type { Pop3ClientOptions } from "../../src/index.ts";

/** What a server under test says about itself. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tlsPort: number;
  /** The authority's certificate (PEM). */
  readonly ca: string;
}

export type Transport = "plain" | "STLS" | "TLS port";

export const transports: readonly Transport[] = ["plain", "STLS", "TLS port"];

/** Options that lead to a server by one transport, whose certificate is checked. */
export function reach(server: ServerAddress, transport: Transport): Pop3ClientOptions {
  const { host, port, tlsPort, ca } = server;
  if (transport === "plain") return { host, port, secure: false, stls: "never" };
  if (transport === "STLS") return { host, port, secure: false, stls: "required", tls: { ca } };
  return { host, port: tlsPort, secure: true, tls: { ca } };
}
