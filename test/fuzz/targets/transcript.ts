// Transcripts of sessions, and the escapes in them. Oracles: octets that are recorded are played again; only `POP3_CONFIG` is
// thrown, with the line; a printed line of a client is expected again, and has no secret.
import { escaped, unescaped } from "../../../src/testing/escapes.ts";
import { Expectation, printed } from "../../../src/testing/expectation.ts";
import { parseTranscript, type Script } from "../../../src/testing/script.ts";
import { Transcript } from "../../../src/testing/transcript.ts";
import { expectSame, expectThat, isOneLine, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "testing/escapes",
  "testing/expectation",
  "testing/script",
  "testing/transcript",
  "testing/client-line",
];
export const TOKENS: readonly string[] = [
  ...[
    "S: +OK\n",
    "C: QUIT\n",
    "C: PASS ****\n",
    "S: (120 octets)\n",
    "* TLS\n",
    "* wait 5 ms\n",
    "* close after 3 octets\n",
    "* cut\n",
  ],
  ...[
    "* flood a\n",
    "* reset\n",
    "# a\n",
    "\n\n",
    "\\x0a",
    "\\u00e4",
    "\\u{1f600}",
    "\\",
    "S: + \n",
    "C: ****\n",
    "\r\n",
    "\xe4",
  ],
  ...["AUTH PLAIN ", "APOP ann ", "PASS ", "user "],
];

function spoken(scripts: readonly Script[]): Buffer {
  const acts = scripts.flatMap(({ turns }) => turns.flatMap(({ acts }) => acts));
  return Buffer.concat(acts.map((act) => ("octets" in act ? act.octets : Buffer.alloc(0))));
}

export function fuzz(data: Buffer): void {
  expectSame(text(unescaped(escaped(data))), text(data), "octets escaped and read again");
  expectThat(isOneLine(escaped(data)), "an escape that cannot be printed", escaped(data));

  const transcript = new Transcript();
  transcript.session().raw(data);
  expectSame(
    text(spoken(parseTranscript(transcript.toString()))),
    text(data),
    "octets recorded and played again",
  );

  for (const said of new Set([text(data), data.toString("utf8")])) {
    const read = outcomeOf(["POP3_CONFIG"], () => parseTranscript(said));
    if ("value" in read) expectThat(read.value.length > 0, "a transcript without a session", said);
  }
  const line = Buffer.from(data.filter((octet) => octet !== 10 && octet !== 13 && octet !== 0));
  for (const response of [false, true]) {
    const shown = printed(line, response);
    expectThat(isOneLine(shown), "a line of a client that cannot be printed", shown);
    const expected = new Expectation(1, shown, response);
    expectThat(expected.matches(line), "a line of a client that is not expected again", {
      line: text(line),
      shown,
    });
    expectSame(expected.printable, shown, "an expected line that is printed");
  }
  const secret = `${text(data).replace(/[^!-~]/g, "")}hunter2`;
  for (const verb of ["PASS", "pass", "APOP ann", "AUTH PLAIN", "XPASS"])
    expectThat(
      !printed(Buffer.from(`${verb} ${secret}`), false).includes("hunter2"),
      "a secret in a transcript",
      verb,
    );
}

export function parse(data: Buffer): void {
  outcomeOf(["POP3_CONFIG"], () => parseTranscript(text(data)));
}
