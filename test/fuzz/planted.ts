// Bugs that are planted to show that the fuzzer finds them: each changes a line of a parser.
import type { Patch } from "../simulation/bugs.ts";

export interface PlantedBug {
  readonly name: string;
  readonly target: string;
  readonly patch: Patch;
}

const parse = (file: string, find: string, by: string): Patch => ({ file: `src/${file}.ts`, find, by });

export const BUGS: readonly PlantedBug[] = [
  {
    name: "a line that arrives in pieces counts for the limit of the next one",
    target: "reply-reader",
    patch: parse(
      "protocol/line-reader",
      "    this.#parts = [];\n    this.#partOctets = 0;\n",
      "    this.#parts = [];\n",
    ),
  },
  {
    name: "a message number that was repeated gets a value again",
    target: "scan-listing",
    patch: parse(
      "protocol/listing-block",
      "else if (before !== undefined || this.#doubtful.has(number))",
      "else if (before !== undefined)",
    ),
  },
  {
    name: "names of capabilities keep their case",
    target: "capabilities",
    patch: parse(
      "protocol/capabilities",
      "const name = (match[1] as string).toUpperCase();",
      "const name = match[1] as string;",
    ),
  },
  {
    name: "a line of blanks does not end base64",
    target: "transfer",
    patch: parse("parse/transfer", String.raw`/=|(?:^|\n)[^\S\n]*\n/`, String.raw`/=|^\r?\n|\n\r?\n/`),
  },
  {
    name: "a group of base64 that is split over two words is lost",
    target: "encoded-words",
    patch: parse("parse/encoded-words", 'if (group.endsWith("=")) flush();', "flush();"),
  },
  {
    name: "a torn record counts as complete",
    target: "journal",
    patch: parse("fetch/ledger/journal-records", "    if (line.more) continue;\n", ""),
  },
  {
    name: "a CR at the end of a message is lost",
    target: "mbox",
    patch: parse(
      "fetch/destinations/mbox-text",
      "    if (this.#cr) length = this.#put(text, length, CR);\n",
      "",
    ),
  },
  {
    name: "a backslash before an escape is not escaped",
    target: "transcript",
    patch: parse("testing/escapes", "String.raw`\\\\(?=$|", "String.raw`\\\\(?=$|never"),
  },
  {
    name: "the second attachment is lost",
    target: "message",
    patch: parse(
      "parse/parse-message",
      "for (const part of sorted.attachments) attachments",
      "for (const part of sorted.attachments.slice(0, 1)) attachments",
    ),
  },
  {
    name: "the third part is lost",
    target: "message",
    patch: parse("parse/parts", "children === 0).map(partOf)", "children === 0).slice(0, 2).map(partOf)"),
  },
  {
    name: "the end of an append forgets what the message was",
    target: "append-journal",
    patch: parse("fetch/destinations/imap/append-state", '(before?.digest ?? "")', '""'),
  },
  {
    name: "a sender may have a local part of 65 octets",
    target: "return-path",
    patch: parse("fetch/destinations/lmtp/return-path", "{1,64}@", "{1,65}@"),
  },
  {
    name: "a secret in hexadecimal is shown if there is something between its octets",
    target: "secrets",
    patch: parse("protocol/secrets", '["", " ", ":", "-"]', '[""]'),
  },
];
