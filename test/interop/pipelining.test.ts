// Commands are sent together or one by one. The replies are the same, each for its own command, in order.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, Pop3Error, type Pop3ClientOptions } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { Perdition } from "../servers/perdition.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { sha256 } from "./sha256.ts";
import { reach } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const COUNT = 50;
const COMMANDS = 500;
const messages = Array.from({ length: COUNT }, (_, index) =>
  servedOctets(Buffer.from(`Subject: message ${index + 1}\r\n\r\n${"A line.\r\n".repeat(index * 20)}`)),
);

/** A command of every kind in turn; of message numbers, every tenth is of no message. */
function send(client: Pop3Client, index: number): Promise<unknown> {
  const number = (index % (COUNT + 5)) + 1;
  const calls = [
    () => client.retr(number).then(sha256),
    () => client.list(number),
    () => client.noop(),
    () => client.uidl(number),
    () => client.top(number, 1).then(String),
    () => client.stat(),
    () => client.list(),
    () => client.capa().then(({ all }) => [...all.keys()]),
    () => client.uidl(),
  ];
  return (calls[index % calls.length] as () => Promise<unknown>)();
}

function answer(index: number, uids: ReadonlyMap<number, string>, capabilities: unknown): unknown {
  const number = (index % (COUNT + 5)) + 1;
  const message = messages[number - 1];
  const sizes = new Map(messages.map(({ length }, at) => [at + 1, length]));
  const size = messages.reduce((sum, { length }) => sum + length, 0);
  const head = `Subject: message ${number}\r\n\r\n${number === 1 ? "" : "A line.\r\n"}`;
  const gone = "POP3_REFUSED";
  const answers = [
    message === undefined ? gone : sha256(message),
    sizes.get(number) ?? gone,
    undefined,
    uids.get(number) ?? gone,
    message === undefined ? gone : head,
    { count: COUNT, size },
    sizes,
    capabilities,
    uids,
  ];
  return answers[index % answers.length];
}

interface Window {
  readonly name: string;
  readonly pipelining: Pop3ClientOptions["pipelining"];
  /** How many commands may be in flight at most. */
  readonly most: number;
  /** How many are at some time, in the last hundred too: a window that is not emptied as answers come would end with one. */
  readonly reached: number;
}

const asAllowed: Window = { name: "as the server allows", pipelining: "auto", most: COMMANDS, reached: 2 };
const allInOne: Window = {
  name: "all in one write",
  pipelining: { octets: 1e9, commandOctets: 1e9 },
  most: COMMANDS,
  reached: COMMANDS,
};
const windows: readonly Window[] = [
  asAllowed,
  {
    name: "in a window of 100 octets of commands",
    pipelining: { commandOctets: 100 },
    most: 100 / "STAT\r\n".length,
    reached: 8,
  },
  { name: "in a window of 1 octet of responses", pipelining: { octets: 1 }, most: COMMANDS, reached: 2 },
  {
    name: "in a window of 20,000 octets of responses",
    pipelining: { octets: 20_000 },
    most: COMMANDS,
    reached: 2,
  },
  allInOne,
  { name: "one by one", pipelining: false, most: 1, reached: 1 },
];

interface Row {
  readonly start: () => Promise<MailServer>;
  readonly windows: readonly Window[];
}

const rows: Readonly<Record<string, Row>> = {
  Dovecot: { start: () => Dovecot.start({ users: { ann: "secret" } }), windows },
  // A proxy, which passes on the bytes of both sides after the login.
  Perdition: {
    start: () => Perdition.start({ users: { ann: "secret" } }),
    windows: [asAllowed, allInOne],
  },
};

describe.each(Object.entries(rows))(
  `${COMMANDS} commands at once: %s`,
  (_server, { start, windows: sent }) => {
    let server: MailServer;

    beforeAll(async () => {
      server = await start();
      await server.deliver("ann", messages);
    });

    afterAll(() => server.stop());

    it.each(sent)("are answered in order, sent $name", async ({ pipelining, most, reached }) => {
      using wire = new Wire();
      await using client = await Pop3Client.connect({
        ...reach(server, "TLS port"),
        auth: { user: "ann", pass: "secret" },
        ...(pipelining !== undefined && { pipelining }),
      });
      const uids = await client.uidl();
      const capabilities = [...(await client.capa()).all.keys()];
      wire.take();
      const answers = await Promise.all(
        Array.from({ length: COMMANDS }, (_each, index) =>
          send(client, index).catch((error: unknown) => (Pop3Error.is(error) ? error.code : error)),
        ),
      );
      expect(answers).toEqual(answers.map((_each, index) => answer(index, uids, capabilities)));
      expect(wire.depths.length).toBe(COMMANDS);
      expect(Math.max(...wire.depths)).toBeLessThanOrEqual(most);
      expect(Math.max(...wire.depths.slice(-100))).toBeGreaterThanOrEqual(reached);
      const order: number[] = [];
      await Promise.all(
        answers.map(async (_each, index) => {
          await client.list((index % COUNT) + 1);
          order.push(index);
        }),
      );
      expect(order).toEqual(answers.map((_each, index) => index));
      await client.quit();
    });

    it("and QUIT after them without waiting", async () => {
      await using client = await Pop3Client.connect({
        ...reach(server, "plain"),
        auth: { user: "ann", pass: "secret" },
      });
      const sizes = Array.from({ length: COMMANDS }, (_, index) => client.list((index % COUNT) + 1));
      const quit = client.quit();
      expect(await Promise.all(sizes)).toEqual(sizes.map((_, index) => messages[index % COUNT]?.length));
      await quit;
      expect(client.state).toBe("closed");
    });
  },
);
