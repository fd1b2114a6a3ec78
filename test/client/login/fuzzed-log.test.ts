// Ten thousand lines of the log, from servers that repeat what they were given in all forms: none contains a secret.
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3Logger } from "../../../src/index.ts";
import fc from "../../support/fast-check.ts";
import { base64, FORMS, SECRET } from "../../support/secret.ts";
import { turns } from "../../support/turns.ts";

const LINES = 10_000;
const HIDDEN = "Annabel.Leigh@example.com";
/** What a server can repeat. */
const REPEATED = [
  SECRET,
  SECRET.toUpperCase(),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString("latin1"),
  Buffer.from(SECRET).toString("hex"),
  ...["", "x", "xx", "\0ann\0"].map((before) => base64(`${before}${SECRET}`)),
];

/** The secret in each form, cut into words of other text as a server may do. */
const echo = fc
  .tuple(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      ...REPEATED,
      HIDDEN,
      HIDDEN.toUpperCase(),
      base64(HIDDEN),
      base64(`\0${HIDDEN}\0${SECRET}`),
    ),
    fc.string({ maxLength: 12 }),
  )
  .map((words) => words.join(" ").replace(/[\r\n\0]/g, "?"));

const reply = fc
  .tuple(
    fc.constantFrom("+OK", "-ERR", "-ERR [AUTH]", "-ERR [SYS/TEMP]", "+ERR", "+", "+OK [X]", ""),
    echo,
    fc.constantFrom("", "\r\n+OK", "\r\n.", "\r\nSASL PLAIN LOGIN\r\nUSER\r\n."),
  )
  .map(([status, text, after]) => `${status} ${text}${after}\r\n`);

const auth: fc.Arbitrary<Pop3Auth> = fc.constantFrom<Pop3Auth>(
  { user: HIDDEN, pass: SECRET },
  { user: HIDDEN, pass: SECRET, mechanism: "PLAIN", force: true },
  { user: HIDDEN, pass: SECRET, mechanism: "LOGIN", force: true },
  { user: HIDDEN, accessToken: SECRET, mechanism: "XOAUTH2", force: true },
  { user: HIDDEN, accessToken: SECRET, mechanism: "OAUTHBEARER", force: true },
);

/** A server in memory that answers each line with the next reply. */
function server(replies: readonly string[]): Duplex {
  let at = 0;
  const next = async (): Promise<void> => {
    const answer = replies[at++];
    const number = at;
    duplex.push(answer === undefined ? null : Buffer.from(answer));
    // The client says no more: it waits for the rest of a reply.
    await turns(6);
    if (number === at) duplex.push(null);
  };
  const duplex = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString("latin1").split("\r\n").slice(0, -1)) if (line !== "") void next();
      done();
    },
  });
  duplex.push(`+OK ${replies[0] ?? ""}`.replace(/\r\n.*$/s, "\r\n"));
  return duplex;
}

test("no secret in ten thousand lines", async () => {
  const lines: string[] = [];
  const keep = (facts: object, message: string): void =>
    void lines.push(`${message} ${JSON.stringify(facts)}`);
  const logger: Pop3Logger = { debug: keep, info: keep, warn: keep };
  const samples = fc.sample(fc.tuple(auth, fc.array(reply, { minLength: 3, maxLength: 9 })), 5000);
  for (const [login, replies] of samples) {
    if (lines.length >= LINES) break;
    const client = new Pop3Client({
      host: "pop.example.com",
      secure: false,
      stls: "never",
      auth: login,
      logUser: false,
      socket: server(replies),
      logger,
    });
    await client.connect().catch(() => undefined);
    if (client.state === "transaction") await Promise.allSettled([client.stat(), client.quit()]);
    client.close();
  }
  expect(lines.length).toBeGreaterThanOrEqual(LINES);
  const secrets = [...FORMS, HIDDEN, HIDDEN.toLowerCase(), base64(HIDDEN), "Annabel"];
  expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
});
