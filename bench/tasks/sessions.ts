// Runs many sessions at once in one process. Each retrieves its mailbox.
import { costOf } from "../clock.ts";
import type { Contender, ContenderSession } from "../contenders/contender.ts";
import type { Outcome, SessionsJob } from "../job.ts";

export async function runSessions(contender: Contender, { target, sessions }: SessionsJob): Promise<Outcome> {
  const count = Number(target.mailbox.split("x")[0]);
  let octets = 0;
  const open = async (): Promise<ContenderSession> => {
    const session = await contender.open(target);
    await session.prepare?.();
    return session;
  };
  // Connect before the time is measured, a hundred at a time.
  const opened: ContenderSession[] = [];
  while (opened.length < sessions) {
    const some = Math.min(100, sessions - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: some }, open))));
  }
  const cost = await costOf(async () => {
    await Promise.all(
      opened.map((session) =>
        session.retrieve(count, (message) => {
          octets += message.length;
        }),
      ),
    );
  });
  await Promise.all(opened.map((session) => session.quit()));
  return { ...cost, octets, messages: count * sessions, rate: (count * sessions * 1000) / cost.ms };
}
