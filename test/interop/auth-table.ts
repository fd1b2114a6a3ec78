// The expected result of each mechanism with each server over each transport, and a table of the actual
// results.
import { hasKerberos } from "./auth-kerberos.ts";
import { mechanisms, ownChoice } from "./auth-proofs.ts";
import { authTransports, type AuthTransport } from "./auth-transport.ts";

export type ServerName = "Dovecot" | "Cyrus" | "Courier";

const ok = ["ok", "ok", "ok", "ok"];
const none = ["–", "–", "–", "–"];
const overTls = ["–", "ok", "ok", "ok"];
// A timestamp that came in clear is forgotten after STLS (RFC 2595 section 4).
const withGreeting = ["ok", "–", "ok", "ok"];
// Without the package for it nothing is sent.
const withKerberos = hasKerberos ? ok : ["no kerberos", "no kerberos", "no kerberos", "no kerberos"];

/**
 * The result for each transport. `ok`; `–`: not offered, and nothing sent; `refused`: offered, and refused
 * for every user.
 */
const expected: Readonly<Record<string, Readonly<Record<ServerName, readonly string[]>>>> = {
  USER: { Dovecot: ok, Cyrus: ok, Courier: ok },
  APOP: { Dovecot: withGreeting, Cyrus: withGreeting, Courier: none },
  PLAIN: { Dovecot: ok, Cyrus: ok, Courier: ok },
  LOGIN: { Dovecot: ok, Cyrus: ok, Courier: ok },
  "CRAM-MD5": { Dovecot: ok, Cyrus: ok, Courier: ok },
  "DIGEST-MD5": { Dovecot: ok, Cyrus: ok, Courier: none },
  "SCRAM-SHA-1": { Dovecot: ok, Cyrus: ok, Courier: none },
  "SCRAM-SHA-256": { Dovecot: ok, Cyrus: ok, Courier: none },
  "SCRAM-SHA-512": { Dovecot: none, Cyrus: ok, Courier: none },
  "SCRAM-SHA-1-PLUS": { Dovecot: none, Cyrus: overTls, Courier: none },
  "SCRAM-SHA-256-PLUS": { Dovecot: none, Cyrus: overTls, Courier: none },
  "SCRAM-SHA-512-PLUS": { Dovecot: none, Cyrus: overTls, Courier: none },
  // In clear there is no certificate.
  EXTERNAL: { Dovecot: ["refused", "ok", "ok", "ok"], Cyrus: overTls, Courier: none },
  ANONYMOUS: { Dovecot: ok, Cyrus: none, Courier: none },
  XOAUTH2: { Dovecot: ok, Cyrus: none, Courier: none },
  OAUTHBEARER: { Dovecot: ok, Cyrus: none, Courier: none },
  GSSAPI: { Dovecot: withKerberos, Cyrus: withKerberos, Courier: none },
  [ownChoice]: { Dovecot: ok, Cyrus: ok, Courier: ok },
};

/** The mechanism that the client uses if it may choose. */
const chosen: Readonly<Record<ServerName, (transport: AuthTransport) => string>> = {
  Dovecot: () => "SCRAM-SHA-256",
  Cyrus: (transport) => (transport === "clear" ? "SCRAM-SHA-512" : "SCRAM-SHA-512-PLUS"),
  Courier: (transport) => (transport === "clear" ? "CRAM-MD5" : "PLAIN"),
};

const servers: readonly ServerName[] = ["Dovecot", "Cyrus", "Courier"];

export interface Cell {
  readonly server: ServerName;
  readonly transport: AuthTransport;
  readonly mechanism: string;
  /** The same, or what the client uses if it may choose. */
  readonly method: string;
  readonly expected: string;
}

export const cells: readonly Cell[] = servers.flatMap((server) =>
  authTransports.flatMap((transport, column) =>
    mechanisms.map((mechanism) => ({
      server,
      transport,
      mechanism,
      method: mechanism === ownChoice ? chosen[server](transport) : mechanism,
      expected: expected[mechanism]?.[server][column] ?? "nothing",
    })),
  ),
);

/** A line for each mechanism, and in it for each server its transports. */
export function outcomeTable(outcomes: ReadonlyMap<Cell, string>): string {
  const width = 1 + Math.max(7, ...Array.from(outcomes.values(), ({ length }) => length));
  const line = (first: string, ofServer: (server: ServerName) => readonly string[]): string => {
    const columns = servers.map((server) =>
      ofServer(server)
        .map((text) => text.padEnd(width))
        .join(""),
    );
    return [first.padEnd(24), ...columns].join("| ").trimEnd();
  };
  const row = (mechanism: string): string =>
    line(mechanism, (server) =>
      cells
        .filter((cell) => cell.server === server && cell.mechanism === mechanism)
        .map((cell) => outcomes.get(cell) ?? "FAILED"),
    );
  return [
    "",
    line("", (server) => [server, ...authTransports.slice(1).map(() => "")]),
    line("", () => authTransports),
    ...mechanisms.map(row),
    "–: not offered, and nothing sent. refused: offered, and refused for every user.",
    ...servers.map((server) => `${ownChoice}, ${server}: ${authTransports.map(chosen[server]).join(", ")}`),
    "\n",
  ].join("\n");
}
