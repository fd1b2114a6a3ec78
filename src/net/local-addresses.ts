// Chooses the local address of each new connection: the addresses of a list in turn, so that each carries its share of
// the connections to a host. Equal lists share a turn, because an account may be read from a database for each poll.
import { isIP } from "node:net";

/** The number of turns to remember; the oldest are forgotten first. */
const MOST = 10_000;

/** Host and addresses → how many connections were opened. */
const turns = new Map<string, number>();

/** Returns the address for a new connection to `host`. `addresses`: at least one. */
export function nextAddress(host: string, addresses: readonly string[]): string {
  const [first = ""] = addresses;
  if (addresses.length === 1) return first;
  const key = [host.toLowerCase(), ...addresses].join(" ");
  const turn = turns.get(key) ?? 0;
  turns.delete(key);
  turns.set(key, turn + 1);
  for (const oldest of turns.keys()) {
    if (turns.size <= MOST) break;
    turns.delete(oldest);
  }
  return addresses[turn % addresses.length] ?? first;
}

/** Returns 4 or 6; `undefined` if the text is not an IP address. */
export function ipVersionOf(text: string): 4 | 6 | undefined {
  const version = isIP(text);
  return version === 4 || version === 6 ? version : undefined;
}
