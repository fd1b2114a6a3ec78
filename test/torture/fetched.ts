// What must be true after a `popwright fetch` in which a system call has failed: no message is lost, and after one
// more run each is there once.
import { readdir } from "node:fs/promises";
import type { Contents, Place } from "./place.ts";
import { LATER, type Ended, type World } from "./world.ts";

/** Returns what is wrong. Runs the command again. */
export async function judgeFetch(
  world: World,
  { code, hit }: Ended,
  place: Place,
  words: readonly string[],
): Promise<string[]> {
  const wrong: string[] = [];
  const there = countsIn(await place.read(world), world.messages, place);
  const left = new Set(world.onServer.map((message) => message.toString("latin1")));
  world.messages.forEach((message, at) => {
    const name = `message ${String(at + 1)}`;
    if (there[at] === 0 && !left.has(message.toString("latin1")))
      wrong.push(`${name} is deleted on the server, and not in the place`);
    if (there[at] === 0 && code === 0) wrong.push(`exit code 0, and ${name} was not delivered`);
  });

  world.add(LATER);
  const wanted = [...world.messages, LATER];
  // A message during which the connection was lost waits for a pause, so that the next run tries others first.
  if (hit?.place === "socket") await commandLine(world, ["retry", ...ledgerIn(words)]);
  const said = await fetchAgain(world, words);
  const contents = await place.read(world);
  const again = countsIn(contents, wanted, place);
  // A program does not recognise keys. If the ledger did not take the record, the message comes again.
  const mayComeAgain = contents.keys !== undefined && hit?.place === "state" && hit.function !== "read";
  again.forEach((count, at) => {
    const isRight = count === 1 || (mayComeAgain && count > 1);
    if (!isRight) wrong.push(`after a clean run, message ${String(at + 1)} is there ${String(count)} times`);
  });
  if (contents.messages.length !== again.reduce((sum, count) => sum + count, 0))
    wrong.push("after a clean run, there is a message that was never sent, or a part of one");
  if (contents.keys !== undefined && new Set(contents.keys).size !== wanted.length)
    wrong.push("a message came again under another key");
  const kept = place.keeps === true ? wanted.length : 0;
  if (world.onServer.length !== kept)
    wrong.push(`after a clean run, the server has ${String(world.onServer.length)} messages`);
  if (contents.others.length > 0) wrong.push(`after a clean run, there is ${contents.others.join(", ")}`);
  const state =
    words.includes("--state") || words.includes("--config") ? ["state"] : ["home", "state", "popwright"];
  const others = (await readdir(world.path(...state))).filter((name) => !/\.(?:journal|state)$/.test(name));
  if (others.length > 0) wrong.push(`after a clean run, the ledger has ${others.join(", ")}`);
  return wrong.length > 0 ? [...wrong, `the clean run said: ${said}`] : [];
}

/**
 * Runs the command without faults, as a process like the one before. No other message waits for a pause, because none
 * was to blame.
 */
export function fetchAgain(world: World, words: readonly string[]): Promise<string> {
  return commandLine(world, [...words, "--force"]);
}

/** Runs the command line without faults. Resolves with what it says. */
async function commandLine(world: World, words: readonly string[]): Promise<string> {
  const { code, stderr, hung } = await world.run(words);
  return `${stderr}(${hung ? "it did not end" : `exit code ${String(code)}`})`;
}

/** Returns the words that say which mailbox in which ledger. */
function ledgerIn(words: readonly string[]): string[] {
  const isLedger = (word: string | undefined): boolean => word === "--state" || word === "--config";
  return words.filter((word, at) => /^pop3s?:/.test(word) || isLedger(word) || isLedger(words[at - 1]));
}

/** How often each of the messages is there. */
function countsIn(
  { messages }: Contents,
  wanted: readonly Buffer[],
  { form = (message) => message }: Place,
): number[] {
  return wanted.map((message) => messages.filter((each) => each.equals(form(message))).length);
}
