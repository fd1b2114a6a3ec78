// Free ports are found while all of them are held open together, so that no two are the same.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** Gives `count` different TCP ports that were free on 127.0.0.1 a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  try {
    await Promise.all(holders.map((holder) => once(holder, "listening")));
    return holders.map((holder) => (holder.address() as AddressInfo).port);
  } finally {
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  }
}

/** Launches something on `count` free ports; on others, if another process took one between its choice and its use. */
export async function onFreePorts<T>(count: number, launch: (ports: number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(await freePorts(count));
    } catch (error) {
      if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

/** Whether a server accepts connections at a port of 127.0.0.1, or at a socket in the file system. */
export async function accepts(place: number | string): Promise<boolean> {
  const socket =
    typeof place === "number" ? connect({ port: place, host: "127.0.0.1" }) : connect({ path: place });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
