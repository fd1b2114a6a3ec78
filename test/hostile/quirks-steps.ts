// Steps that several quirks share: listings of a server, and a loop over them.
import type { Pop3Client } from "popwright";
import type { Step } from "../support/scripted-server.ts";
import { octets } from "./steps.ts";

/** LIST, or UIDL, with these lines. */
export const LIST = (...lines: readonly string[]): readonly Step[] => listing("LIST", lines);
export const UIDL = (...lines: readonly string[]): readonly Step[] => listing("UIDL", lines);

function listing(verb: string, lines: readonly string[]): readonly Step[] {
  return [`C: ${verb}`, "S: +OK", ...lines.map((line) => octets(`${line}\r\n`)), "S: ."];
}

/** RETR of a message that says its number. */
export const RETR = (n: number): readonly Step[] => [`C: RETR ${n}`, "S: +OK", `S: message ${n}`, "S: ."];

/** What a loop over all messages gives: number, unique-id and text of each. */
export const looped = (client: Pop3Client): Promise<unknown> => loopOver(client);

/** The same, for messages that are given by number. */
export async function loopOver(client: Pop3Client, numbers?: readonly number[]): Promise<unknown> {
  const seen: unknown[] = [];
  for await (const message of client.retrieve(numbers)) {
    seen.push([message.number, message.uid, (await message.buffer()).toString().trim()]);
  }
  return seen;
}
