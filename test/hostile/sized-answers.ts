// Answers of an exact number of octets or entries, in pieces that suit a socket.
import { PIECE } from "../support/large-message.ts";
import type { Answer } from "../support/maildrop-script.ts";

/** A line of `octets` octets, CRLF included. */
export const line = (head: string, octets: number): string =>
  `${head}${"x".repeat(octets - head.length - 2)}\r\n`;

/** So many entries, in pieces of a size that a socket likes. */
export function entries(count: number): Answer {
  return async (peer) => {
    await peer.send("+OK\r\n");
    for (let n = 1; n <= count && !peer.over; n += 5000) {
      const last = Math.min(n + 4999, count);
      await peer.send(Array.from({ length: last - n + 1 }, (_, index) => `${n + index} 1\r\n`).join(""));
    }
    return ".\r\n";
  };
}

/** A scan listing of `octets` octets, in lines of 4 KiB. */
export function listing(octets: number): Answer {
  return async (peer) => {
    await peer.send("+OK\r\n");
    const whole = Math.floor(octets / 4096);
    for (let n = 1; n <= whole && !peer.over; n += 64) {
      const lines = Array.from({ length: Math.min(64, whole - n + 1) }, (_, index) => {
        const number = n + index;
        return line(`${number} 1 `, number === whole ? 4096 + (octets % 4096) : 4096);
      });
      await peer.send(lines.join(""));
    }
    return ".\r\n";
  };
}

/** A message of `octets` octets: the remainder first, then whole pieces. */
export function message(octets: number): Answer {
  return async (peer) => {
    await peer.send(`+OK\r\n${"x".repeat(octets % PIECE.length)}`);
    for (let sent = PIECE.length; sent <= octets && !peer.over; sent += PIECE.length) await peer.send(PIECE);
    return ".\r\n";
  };
}
