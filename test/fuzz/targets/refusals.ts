// What a server's refusal means, from its words and its response code. Oracles: a response code decides alone (RFC 2449 section
// 8.1, RFC 3206); only names of the table are returned; what is said to people is one line, and repeats no mail address.
import { Pop3ReplyError } from "../../../src/errors.ts";
import { explain } from "../../../src/advice/explain.ts";
import { KNOWN_REFUSALS, RESPONSE_CODES, type Stage } from "../../../src/protocol/refusals.ts";
import { isTemporary, judgeRefusal } from "../../../src/retry.ts";
import { expectSame, expectThat, fromFirst, isOneLine, text } from "../oracle.ts";

export const FILES: readonly string[] = ["retry", "protocol/refusals", "advice/explain"];
export const TOKENS: readonly string[] = [
  ...[
    "IN-USE ",
    "LOGIN-DELAY ",
    "SYS/TEMP ",
    "SYS/PERM ",
    "AUTH ",
    "SYS/TEMP/DISK ",
    "X ",
    "mailbox is locked",
  ],
  ...[
    "invalid password",
    "try again later",
    "too many connections",
    "temporarily",
    "account",
    "disabled",
    "@",
    "\\xb5",
  ],
  ...[
    "another session",
    "unknown user",
    "not enabled for POP access",
    "maintenance",
    "server error",
    "\xb5\xc7\xc2\xbc",
  ],
];

const STAGES: readonly (Stage | undefined)[] = [undefined, "greeting", "login", "listing", "message"];
const COMMANDS = ["USER", "the greeting", "PASS", "UIDL", "RETR 1"];
const IDS: ReadonlySet<string> = new Set(KNOWN_REFUSALS.map(({ id }) => id));

export function fuzz(data: Buffer): void {
  const [index, rest] = fromFirst(data, STAGES.length);
  const [stage, command] = [STAGES[index], COMMANDS[index] as string];
  for (const said of new Set([text(rest), rest.toString("utf8")])) {
    // The first word is the response code, if it is in upper case.
    const [, code, words = said] = /^([A-Z/-]+) (.*)$/s.exec(said) ?? [];
    for (const responseCode of new Set([code, undefined])) {
      const refusal = { responseCode, text: responseCode === undefined ? said : words };
      const { waitFor, known } = judgeRefusal(refusal, stage);
      const [first = "", second = ""] = (responseCode ?? "").split("/");
      const decision = Object.entries(RESPONSE_CODES).find(
        ([name]) => name === first || name === `${first}/${second}`,
      )?.[1];
      if (responseCode !== undefined && decision !== undefined)
        expectSame(waitFor, decision === "lasting" ? undefined : decision, "what a response code means");
      else {
        // A greeting that refuses for a reason that is not known is worth another try.
        const unknown = stage === "greeting" ? "SYS/TEMP" : undefined;
        expectSame(waitFor, known === undefined ? unknown : known.waitFor, "what words mean");
      }
      expectThat(known === undefined || IDS.has(known.id), "a row of the table", known);
      checkExplained(refusal, command);
    }
  }
}

function checkExplained(refusal: { responseCode: string | undefined; text: string }, command: string): void {
  // The text of an error is printable, as `printable` has made it.
  const shown = refusal.text.replace(/[^ -~\xa0-\xff]/g, "?").replace(/[\xad]/g, "?");
  const reply = { ...refusal, text: shown, temporary: false };
  const error = new Pop3ReplyError("POP3_REFUSED", `the server refused ${command}: "${shown}"`, reply, {
    command,
  });
  const { advice, meaning } = explain(error, { host: "pop.gmail.com", user: "ann" });
  for (const line of advice)
    expectThat(isOneLine(line) && line !== "", "advice that cannot be printed", line);
  expectThat(meaning === undefined || IDS.has(meaning.id), "a meaning", meaning);
  expectSame(isTemporary(error), isTemporary(error), "whether an error is temporary");
}

export function parse(data: Buffer): void {
  for (const stage of STAGES) judgeRefusal({ text: text(data) }, stage);
}
