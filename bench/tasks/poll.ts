// Runs polls that find nothing new: connect, log in, UIDL, QUIT. With thousands of idle mailboxes, this cost
// dominates.
import { connect as connectTls } from "node:tls";
import { costOf, roundTrips } from "../clock.ts";
import { HOST, SERVER_NAME, type Contender, type Target } from "../contenders/contender.ts";
import type { Outcome, PollJob } from "../job.ts";

/** The first polls are not measured: their code is not compiled yet. */
const WARM_UP = 30;

export async function runPoll(
  contender: Contender,
  { target, polls, resume, counts }: PollJob,
): Promise<Outcome> {
  const session = resume === true ? await tlsSession(target) : undefined;
  const to: Target = session === undefined ? target : { ...target, session };
  const poll = async (): Promise<void> => {
    const opened = await contender.open(to);
    await (opened.uidl?.() ?? opened.list?.());
    await opened.quit();
  };
  if (counts !== undefined) {
    const before = await roundTrips(counts);
    const cost = await costOf(poll);
    return { ...cost, trips: (await roundTrips(counts)) - before };
  }
  const contexts = countContexts();
  for (let done = 0; done < WARM_UP; done++) await poll();
  const { ms, cpu, peak } = await costOf(async () => {
    for (let done = 0; done < polls; done++) await poll();
  });
  return { ms: ms / polls, cpu: cpu / polls, peak, contexts: contexts() };
}

/** Counts from now on how often TLS options are made into a context. Returns the count. */
function countContexts(): () => number {
  let count = 0;
  // The object itself: a namespace of an import cannot be changed.
  const tls = process.getBuiltinModule("node:tls");
  const create = tls.createSecureContext;
  tls.createSecureContext = (options) => {
    count++;
    return create(options);
  };
  return () => count;
}

/** Gets a TLS session that the server can resume. With TLS 1.3 it arrives after the handshake. */
async function tlsSession({ port, ca }: Target): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: HOST, port, ca, servername: SERVER_NAME });
    socket.once("session", (session: Buffer) => {
      resolve(session);
      socket.destroy();
    });
    socket.once("error", reject);
    socket.resume();
  });
}
