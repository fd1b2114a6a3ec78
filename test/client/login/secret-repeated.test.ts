// A server knows the password after PASS, and may repeat it at any time. No error contains it.
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { LOGIN_ANSWERS, MemoryServer } from "../../support/memory-server.ts";
import { expectNoSecret, SECRET } from "../../support/secret.ts";

/** As the server sends it: an octet, a character. */
const REPEATED = Buffer.from(SECRET).toString("latin1");
const ANSWERS: Readonly<Record<string, string>> = {
  "a refusal": `-ERR you said ${REPEATED}\r\n`,
  "no reply at all": `WHAT ${REPEATED}\r\n`,
  "wrong content": `+OK ${REPEATED}\r\n`,
  "a refusal that is not UTF-8": `-ERR \xff ${REPEATED}\r\n`,
  "octets that nothing asked for": `+OK 1 2\r\n${REPEATED}\r\n`,
};
const LISTING = `+OK\r\n1 2\r\n${REPEATED}\r\n.\r\n`;

async function connected(
  line: string,
  answer: string,
  more: Partial<Pop3ClientOptions> = {},
): Promise<Pop3Client> {
  const server = new MemoryServer({ ...LOGIN_ANSWERS, [line]: answer });
  const auth = { user: "ann", pass: SECRET, mechanism: "USER" };
  return Pop3Client.connect({ ...server.options, auth, ...more });
}

async function failure(line: string, answer: string, call: (client: Pop3Client) => Promise<unknown>) {
  const client = await connected(line, answer, { listings: "strict" });
  const error: unknown = await call(client)
    .then(() => client.noop())
    .catch((thrown: unknown) => thrown);
  client.close();
  return inspect(error, { depth: 9, showHidden: true });
}

test.each(Object.entries(ANSWERS))(
  "is not in the error of STAT for %s, after the login",
  async (_name, answer) => {
    const printed = await failure("STAT", answer, (client) => client.stat());
    expect(printed).toContain("POP3_");
    expect(printed).toContain("****");
    expectNoSecret(printed);
  },
);

test.each([
  ["LIST", (client: Pop3Client) => client.list()],
  ["UIDL", (client: Pop3Client) => client.uidl()],
] as const)("is not in the error for a line of %s", async (line, call) => {
  const printed = await failure(line, LISTING, call);
  expect(printed).toContain("POP3_BAD_LISTING");
  expect(printed).toContain("****");
  expectNoSecret(printed);
  const client = await connected(line, LISTING);
  await call(client);
  const named = inspect(client.malformed);
  client.close();
  expect(named).toContain("****");
  expectNoSecret(named);
});

test.each([
  ["LIST 1", (client: Pop3Client) => client.list(1)],
  ["UIDL 1", (client: Pop3Client) => client.uidl(1)],
] as const)("is not in the error for the answer to %s", async (line, call) => {
  const printed = await failure(line, `+OK ${REPEATED}\r\n`, call);
  expect(printed).toContain("POP3_BAD_RESPONSE");
  expectNoSecret(printed);
});
