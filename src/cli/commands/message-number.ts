// Finds the message that a command line names: by its number, or by its unique-id.
import { Pop3ReplyError, type Pop3Client } from "../../index.ts";
import { printable } from "../../protocol/printable.ts";
import { count } from "../../advice/wording.ts";
import type { HelpRow } from "../help.ts";
import { NoMessageError, UsageError } from "../usage-error.ts";
import { wholeNumber } from "../usage.ts";

/** The name of a message: a number, or a unique-id. */
export type MessageName = { readonly number: number } | { readonly uid: string };

/** The row of each help text about this argument. */
export const MESSAGE_HELP: HelpRow = ["MESSAGE", "its number, or uid:UNIQUE-ID"];

/** Reads the argument. Throws `UsageError` if it is neither. */
export function messageNamed(word: string): MessageName {
  if (word === "uid:")
    throw new UsageError("MESSAGE needs a unique-id after uid:. `popwright list --uids URL` shows them");
  if (word.startsWith("uid:")) return { uid: word.slice("uid:".length) };
  return { number: wholeNumber("MESSAGE", word, 1) as number };
}

/**
 * Calls `work` with the number of the message. Rejects with {@link NoMessageError} if there is no such message, and
 * otherwise with the error of `work`.
 */
export async function withNumber<T>(
  client: Pop3Client,
  name: MessageName,
  work: (number: number) => Promise<T>,
): Promise<T> {
  const number = "uid" in name ? await numberOf(client, name.uid) : name.number;
  try {
    return await work(number);
  } catch (error) {
    throw (await missing(client, number, error)) ?? error;
  }
}

async function numberOf(client: Pop3Client, uid: string): Promise<number> {
  for (const [number, each] of await client.uidl()) if (each === uid) return number;
  throw new NoMessageError(
    `no message has the unique-id ${printable(uid)}. Run \`popwright list --uids URL\` to see those that exist`,
  );
}

/** Returns the error for a message that does not exist, if that is why the server refused it. */
async function missing(
  client: Pop3Client,
  number: number,
  error: unknown,
): Promise<NoMessageError | undefined> {
  if (!Pop3ReplyError.is(error) || error.temporary) return undefined;
  const { count: messages } = await client.stat();
  if (number <= messages) return undefined;
  return new NoMessageError(
    `there is no message ${String(number)}: the mailbox has ${count(messages, "message")}. Run \`popwright list URL\` to see them`,
  );
}
