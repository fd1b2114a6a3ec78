// A message larger than a stream, a window or the system's buffers, sent as fast as the client reads.
import type { Peer } from "./peer.ts";

export const MIB: number = 1024 * 1024;

/** Whole lines, none of which begins with a dot. */
export const PIECE: Buffer = Buffer.alloc(64 * 1024, `${"0123456789".repeat(6)}ab\r\n`);

/** The response to RETR: a message of `octets` octets, a multiple of the length of {@link PIECE}. */
export function large(octets: number): (peer: Peer) => Promise<string> {
  return async (peer) => {
    await peer.send("+OK\r\n");
    for (let sent = 0; sent < octets && !peer.over; sent += PIECE.length) await peer.send(PIECE);
    return ".\r\n";
  };
}
