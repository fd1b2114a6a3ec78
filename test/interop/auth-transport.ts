// The four transports that differ for authentication: TLS 1.2 and TLS 1.3 have different channel bindings.
import type { ConnectionOptions } from "node:tls";
import type { Pop3ClientOptions } from "../../src/index.ts";
import { reach, type ServerAddress } from "../servers/transport.ts";
import { ownTls } from "../support/own-tls.ts";

export type AuthTransport = "clear" | "STLS" | "TLS 1.2" | "TLS 1.3";

export const authTransports: readonly AuthTransport[] = ["clear", "STLS", "TLS 1.2", "TLS 1.3"];

/** Options to reach a server by one transport. No TLS session is resumed. */
export function reachBy(
  server: ServerAddress,
  transport: AuthTransport,
  tls: ConnectionOptions = {},
): Pop3ClientOptions {
  if (transport === "clear") return reach(server, "plain");
  const options = reach(server, transport === "STLS" ? "STLS" : "TLS port");
  return { ...options, tls: ownTls({ ...options.tls, ...versions[transport], ...tls }) };
}

const versions: Readonly<Record<Exclude<AuthTransport, "clear">, ConnectionOptions>> = {
  STLS: {},
  "TLS 1.2": { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
  "TLS 1.3": { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" },
};
