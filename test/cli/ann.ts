// Ann's account on an embedded server, as a URL.
import { Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";

export const MESSAGES: readonly Buffer[] = [
  Buffer.from("Subject: one\r\n\r\nOne.\r\n"),
  // The last octet of the line is no UTF-8.
  Buffer.from("Subject: two\r\n\r\n..dots and \xff\r\n", "latin1"),
];

export async function annsServer(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
  return Pop3Server.listen({
    users: { ann: { pass: "secret", messages: MESSAGES, uids: ["uid-1", "uid-2"] } },
    ...options,
  });
}

/** In clear; `user`: empty for nobody. */
export function urlOf(server: Pop3Server, user = "ann"): string {
  const scheme = server.secure ? "pop3s" : "pop3";
  const query = server.secure ? "" : "?stls=never";
  return `${scheme}://${user === "" ? "" : `${user}@`}127.0.0.1:${String(server.port)}${query}`;
}
