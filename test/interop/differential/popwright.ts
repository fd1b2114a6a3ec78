// Runs cases through the public API of our client: one session for each, or one for all of them.
import { Pop3Client, Pop3Error } from "../../../src/index.ts";
import { listingText, type Outcome } from "../../support/exchange.ts";
import type { Stage, Task } from "./stage.ts";

/** So many sessions are open at the same time. */
const AT_ONCE = 32;

/** The outcomes of each task's lines. */
export async function ourOutcomes({ alone, password }: Stage): Promise<Outcome[][]> {
  const outcomes: Outcome[][] = [];
  for (let at = 0; at < alone.length; at += AT_ONCE) {
    const some = alone.slice(at, at + AT_ONCE);
    outcomes.push(...(await Promise.all(some.map((task) => playedAlone(task, password)))));
  }
  return outcomes;
}

async function playedAlone(task: Task, password: string): Promise<Outcome[]> {
  const client = clientFor(task, password);
  const outcomes: Outcome[] = [];
  if ((await outcomeOf(client.connect().then(() => ""))) === null) return task.lines.map(() => null);
  for (const line of task.lines) outcomes.push(await outcomeOf(ask(client, line)));
  client.close();
  return outcomes;
}

/** How the messages that come in one session are asked for. */
export type Way = "pipelined" | "one at a time" | "as streams";

export async function ourMessages({ together, password }: Stage, way: Way): Promise<Outcome[]> {
  const [first] = together;
  if (first === undefined) return [];
  await using client = clientFor(first, password, way === "pipelined" ? "auto" : false);
  await client.connect();
  const messages: Outcome[] = [];
  const numbers = together.map((_, index) => index + 1);
  if (way === "pipelined") {
    for await (const message of client.retrieve(numbers)) messages.push(text(await message.buffer()));
  } else {
    for (const number of numbers) {
      const streamed = (): Promise<Buffer[]> => client.retrStream(number).toArray() as Promise<Buffer[]>;
      messages.push(text(way === "as streams" ? Buffer.concat(await streamed()) : await client.retr(number)));
    }
  }
  await client.quit();
  return messages;
}

function clientFor({ port, user }: Task, pass: string, pipelining: "auto" | false = "auto"): Pop3Client {
  return new Pop3Client({
    host: "127.0.0.1",
    port,
    secure: false,
    stls: "never",
    pipelining,
    // By the letter of the RFC, as the reader that it is compared with.
    listings: "strict",
    auth: { user, pass, mechanism: "USER" },
  });
}

async function ask(client: Pop3Client, line: string): Promise<string> {
  switch (line) {
    case "LIST":
      return listingText(await client.list());
    case "UIDL":
      return listingText(await client.uidl());
    case "STAT": {
      const { count, size } = await client.stat();
      return `${count} ${size}`;
    }
    case "NOOP":
      await client.noop();
      return "";
    default:
      return text(await client.retr(Number(line.slice(5))));
  }
}

/** Only an error of the library is an outcome. Any other error is thrown again. */
async function outcomeOf(call: Promise<string>): Promise<Outcome> {
  try {
    return await call;
  } catch (error) {
    if (!Pop3Error.is(error)) throw error;
    return null;
  }
}

const text = (octets: Buffer): string => octets.toString("latin1");
