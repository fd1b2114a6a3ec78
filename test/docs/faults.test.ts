// The table of docs/testing.md is right: each fault leads to the error that it names.
import { expect, test } from "vitest";
import { Pop3Client, Pop3Error, type Pop3Timeouts } from "../../src/index.ts";
import { Pop3Server, type Fault } from "../../src/testing/index.ts";
import { sectionOf } from "../tables/source.ts";

/** Which time limit makes each error: only this one is short, so that a busy machine does not change the outcome. */
const CLOCKS: Readonly<Record<string, keyof Pop3Timeouts>> = {
  POP3_GREETING_TIMEOUT: "greeting",
  POP3_COMMAND_TIMEOUT: "command",
  POP3_IDLE_TIMEOUT: "body",
};

const ROWS = sectionOf("docs/testing.md", "### Which fault leads to which error")
  .split("\n")
  .flatMap((line): [fault: string, code: string][] => {
    const [, fault, code] = /^\| `(\{.*?\})`.*\| `(POP3_\w+)`/.exec(line) ?? [];
    return fault === undefined || code === undefined ? [] : [[fault, code]];
  });

test("has rows", () => {
  expect(ROWS.length).toBeGreaterThan(10);
});

/** Reads a fault that is written as JavaScript: `{ on: "RETR", close: 3 }`. */
function faultIn(text: string): Fault {
  const json = text.replaceAll(/(\w+):/g, '"$1":').replace("Infinity", "1e999");
  return JSON.parse(json) as Fault;
}

test.each(ROWS)("%s leads to %s", async (text, code) => {
  const fault = faultIn(text);
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret", messages: ["Subject: hello\r\n\r\nworld\r\n"] } },
    sasl: [],
    apop: false,
    faults: [fault],
  });
  const clock = CLOCKS[code];
  const client = new Pop3Client({
    host: server.host,
    port: server.port,
    secure: false,
    stls: fault.on === "STLS" ? "required" : "never",
    tls: { ca: server.ca },
    auth: { user: "ann", pass: "secret" },
    timeouts: clock === undefined ? {} : { [clock]: 300 },
  });
  const outcome = await session(client).catch((error: unknown) => error);
  client.close();
  expect(Pop3Error.is(outcome) ? outcome.code : outcome).toBe(code);
});

/** Sends each command that the table names. */
async function session(client: Pop3Client): Promise<void> {
  await client.connect();
  await client.stat();
  await client.list();
  await client.noop();
  await client.retr(1);
  await client.dele(1);
  await client.quit();
}
