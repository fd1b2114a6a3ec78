// Free ports are found while all of them are held open together, so that no two are the same.
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/**
 * Gives `count` different TCP ports that were free on 127.0.0.1 a moment ago. Another process may take one
 * before the server under test does: whoever uses them must be ready to ask again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  try {
    await Promise.all(holders.map((holder) => once(holder, "listening")));
    return holders.map((holder) => (holder.address() as AddressInfo).port);
  } finally {
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  }
}
