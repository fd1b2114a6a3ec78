// Accounts on embedded servers, and pools that are closed with their test.
import type { Pop3ClientOptions } from "../../src/index.ts";
import { Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { to } from "../support/ann.ts";

/** One object for each server: with another one, a session is no longer the same. */
const tls = new WeakMap<Pop3Server, Pick<Pop3ClientOptions, "tls">>();

/** Options of a user whose password is `secret`, without TLS. */
export function account(
  server: Pop3Server,
  user = "ann",
  more: Partial<Pop3ClientOptions> = {},
): Pop3ClientOptions {
  const options = to(server, { stls: "never", auth: { user, pass: "secret" } });
  const same = tls.get(server) ?? { tls: options.tls ?? {} };
  tls.set(server, same);
  return { ...options, ...same, ...more };
}

/** A server with these users, each with the messages `1`, `2` and `3`. */
export async function serve(users: readonly string[], options: Pop3ServerOptions = {}): Promise<Pop3Server> {
  const user = { pass: "secret", messages: ["1\r\n", "2\r\n", "3\r\n"] };
  return Pop3Server.listen({ users: Object.fromEntries(users.map((name) => [name, user])), ...options });
}

/** The messages that a user has left. */
export function left(server: Pop3Server, user = "ann"): string {
  return server
    .maildrop(user)
    .messages.map(({ octets }) => octets.toString().trim())
    .join("");
}

/** A promise, and what settles it. */
export interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function gate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
