// Starts an embedded server with the account of Ann, and builds its URL.
import { Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";

export const MESSAGES: readonly Buffer[] = [
  Buffer.from("Subject: one\r\n\r\nOne.\r\n"),
  // The last octet of the line is not valid UTF-8.
  Buffer.from("Subject: two\r\n\r\n..dots and \xff\r\n", "latin1"),
];

export async function annsServer(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
  return Pop3Server.listen({
    users: { ann: { pass: "secret", messages: MESSAGES, uids: ["uid-1", "uid-2"] } },
    ...options,
  });
}

/** Builds a URL without TLS. `user`: an empty string leaves the user out. */
export function urlOf(server: Pop3Server, user = "ann"): string {
  const scheme = server.secure ? "pop3s" : "pop3";
  const query = server.secure ? "" : "?stls=never";
  return `${scheme}://${user === "" ? "" : `${user}@`}127.0.0.1:${String(server.port)}${query}`;
}
