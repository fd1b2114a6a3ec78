// Retrieves a whole mailbox: measures the time, or compares every byte.
import { createHash } from "node:crypto";
import { costOf, roundTrips } from "../clock.ts";
import type { Contender, Taken } from "../contenders/contender.ts";
import type { Outcome, RetrieveJob, VerifyJob } from "../job.ts";
import { digests, mailboxNamed } from "../mailbox.ts";

export async function runRetrieve(contender: Contender, job: RetrieveJob): Promise<Outcome> {
  const { target, warm, before: warmUp = 0, rounds = 1, counts } = job;
  const count = Number(target.mailbox.split("x")[0]);
  let octets = 0;
  // The minimum that a caller does: it looks at the message and drops it.
  const take = (message: Taken): void => {
    octets += message.length;
  };
  if (warm !== undefined) {
    const session = await contender.open({ ...target, mailbox: warm });
    await session.prepare?.();
    await session.retrieve(Number(warm.split("x")[0]), take);
    await session.quit();
    octets = 0;
  }
  const counted = counts === undefined ? 0 : await roundTrips(counts);
  if (job.session === true) {
    const cost = await costOf(async () => {
      const session = await contender.open(target);
      // popwright sends LIST itself if that is useful.
      if (contender.name !== "popwright") await session.prepare?.();
      await session.retrieve(count, take);
      await session.quit();
    });
    return { ...cost, octets, ...(counts !== undefined && { trips: (await roundTrips(counts)) - counted }) };
  }
  const session = await contender.open(target);
  await session.prepare?.();
  for (let round = 0; round < warmUp; round++) await session.retrieve(count, take);
  octets = 0;
  const before = counts === undefined ? 0 : await roundTrips(counts);
  const cost = await costOf(async () => {
    for (let round = 0; round < rounds; round++) await session.retrieve(count, take);
  });
  const after = counts === undefined ? 0 : await roundTrips(counts);
  await session.quit();
  return { ...cost, octets, ...(counts !== undefined && { trips: after - before }) };
}

/** Counts the messages that arrived unchanged, and those that lack only the CRLF of their last line. */
export async function runVerify(contender: Contender, { target }: VerifyJob): Promise<Outcome> {
  const mailbox = mailboxNamed(target.mailbox);
  const known = new Map<number, { whole: string; cut: string }>();
  let number = 0;
  let right = 0;
  let cut = 0;
  const session = await contender.open(target);
  await session.prepare?.();
  await session.retrieve(mailbox.count, (message) => {
    number++;
    const variant = mailbox.variant(number);
    const expected = known.get(variant) ?? digests(mailbox, number);
    known.set(variant, expected);
    const forms = typeof message === "string" ? [message, Buffer.from(message, "latin1")] : [message];
    const found = forms.map((form) => createHash("sha256").update(form).digest("hex"));
    if (found.includes(expected.whole)) right++;
    else if (found.includes(expected.cut)) cut++;
  });
  await session.quit();
  return { messages: number, right, cut };
}
