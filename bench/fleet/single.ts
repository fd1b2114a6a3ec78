// What the fleet is compared with: `fetchMail` with a ledger in memory over the same mailboxes, and bare handshakes.
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { fetchMail, MemoryLedger } from "popwright/fetch";
import { accountOf, boxOf, CONCURRENCY, cpuTime, order } from "./settings.ts";

/** CPU milliseconds. `handshake`, `resumption`: of one connection without POP3. */
export interface Single {
  readonly polls: number;
  readonly perPoll: number;
  readonly handshake: number;
  readonly resumption: number;
}

const given = order();
const seconds = Number(process.env["SECONDS"]);
const ledger = new MemoryLedger();

async function polling(ms: number): Promise<{ readonly polls: number; readonly perPoll: number }> {
  const [began, cpu] = [performance.now(), cpuTime()];
  let polls = 0;
  let next = 0;
  const poll = async (): Promise<void> => {
    while (performance.now() - began < ms) {
      const { id } = boxOf(next++ % given.mailboxes);
      await fetchMail(accountOf(id, given), { ledger, destination: () => "new", mailbox: id, force: true });
      polls++;
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, given.mailboxes) }, poll));
  return { polls, perPoll: (cpuTime() - cpu) / polls };
}

async function handshakes(count: number, isResumed: boolean): Promise<number> {
  const { host, port, tls } = accountOf(boxOf(0).id, given);
  let session: Buffer | undefined;
  const one = async (): Promise<void> => {
    const socket: TLSSocket = connect({
      host,
      port,
      ca: tls.ca,
      ...(isResumed && session ? { session } : {}),
    });
    socket.on("session", (ticket: Buffer) => (session = ticket));
    // The greeting: the ticket has come before it.
    await once(socket, "data");
    socket.destroy();
  };
  await one();
  const cpu = cpuTime();
  for (let done = 0; done < count; done++) await one();
  return (cpuTime() - cpu) / count;
}

await polling(1000);
const { polls, perPoll } = await polling(seconds * 1000);
const isSecure = given.tls !== "none";
const single: Single = {
  polls,
  perPoll,
  handshake: isSecure ? await handshakes(200, false) : 0,
  resumption: given.tls === "resumed" ? await handshakes(200, true) : 0,
};
process.send?.(single, () => process.exit());
