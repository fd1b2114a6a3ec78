// Access tokens: servers that accept them, and functions that return them.
import { Pop3Server, type Pop3ServerOptions } from "../../../src/testing/index.ts";

export const MECHANISMS = ["OAUTHBEARER", "XOAUTH2"] as const;

/** A server that takes the tokens of the set, and tells which it was shown. */
export async function listen(
  valid: ReadonlySet<string>,
  shown: string[],
  more: Pop3ServerOptions = {},
): Promise<Pop3Server> {
  const accessToken = (given: string): boolean => {
    shown.push(given);
    return valid.has(given);
  };
  return Pop3Server.listen({ users: { ann: { accessToken } }, sasl: MECHANISMS, tls: true, ...more });
}

/** Gives out tokens in their order, and keeps what it was called with. */
export function dispenser(...tokens: unknown[]): { calls: unknown[][]; accessToken: () => string } {
  const calls: unknown[][] = [];
  const accessToken = (...args: unknown[]): string => {
    calls.push(args);
    const next = tokens.shift();
    if (next instanceof Error) throw next;
    return next as string;
  };
  return { calls, accessToken };
}
