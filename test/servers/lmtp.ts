// The beginning of a delivery (LMTP, RFC 2033): a server that is asked whether it would take mail for a user makes the user's maildrop.
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Asks at a socket in the file system for each user, and sends nothing to any. Rejects with the first refusal. */
export async function announceRecipients(path: string, users: Iterable<string>): Promise<void> {
  const socket = connect({ path });
  try {
    await once(socket, "connect");
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const converse = async (command: string): Promise<void> => {
      if (command !== "") socket.write(`${command}\r\n`);
      let line: string;
      do {
        const next: IteratorResult<string, unknown> = await lines.next();
        if (next.done === true) throw new Error(`LMTP: no answer to ${command}`);
        line = next.value;
        // "250-" goes on, "250 " is the end.
      } while (line[3] === "-");
      if (!line.startsWith("2")) throw new Error(`LMTP: ${command} was answered with ${line}`);
    };
    await converse("");
    await converse("LHLO localhost");
    await converse("MAIL FROM:<>");
    for (const user of users) await converse(`RCPT TO:<${user}>`);
    await converse("QUIT");
  } finally {
    socket.destroy();
  }
}
