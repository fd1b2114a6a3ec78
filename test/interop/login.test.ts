// Each way to log in works over each transport, also by the account of the server. A refusal is final.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Pop3Client, type Pop3Auth, type SaslMechanism } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { reach, transports, type Transport } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

/** LOGIN that sends the user name with AUTH, as many clients do and our own LOGIN does not. */
const eagerLogin: SaslMechanism = {
  name: "LOGIN",
  cleartext: true,
  start: ({ user, pass }) => ({
    initial: Buffer.from(user),
    promptsOnly: true,
    respond: () => Buffer.from(pass),
  }),
};

interface Login {
  readonly name: string;
  /** What Dovecot calls it: USER and PASS are PLAIN to it. */
  readonly method: string;
  readonly auth: Omit<Pop3Auth, "user" | "pass">;
  /** What goes out, in printable form. */
  readonly commands: (user: string) => string[];
  /** How many of them a wrong password gets; all of them unless given. */
  readonly refusedAfter?: number;
}

const logins: readonly Login[] = [
  {
    name: "the client's choice",
    method: "SCRAM-SHA-256",
    auth: {},
    commands: () => ["AUTH SCRAM-SHA-256 ****", "****", "****"],
    // The last response would answer the server's proof, which a refused login does not have.
    refusedAfter: 2,
  },
  {
    name: "USER/PASS",
    method: "PLAIN",
    auth: { mechanism: "USER" },
    commands: (user) => [`USER ${user}`, "PASS ****"],
  },
  {
    name: "APOP",
    method: "APOP",
    auth: { mechanism: "APOP" },
    commands: (user) => [`APOP ${user} ****`],
  },
  {
    name: "AUTH PLAIN, initial response",
    method: "PLAIN",
    auth: { mechanism: "PLAIN", initialResponse: true },
    commands: () => ["AUTH PLAIN ****"],
  },
  {
    name: "AUTH PLAIN, none",
    method: "PLAIN",
    auth: { mechanism: "PLAIN", initialResponse: false },
    commands: () => ["AUTH PLAIN", "****"],
  },
  {
    name: "AUTH LOGIN, initial response",
    method: "LOGIN",
    auth: { mechanism: eagerLogin },
    commands: () => ["AUTH LOGIN ****", "****"],
  },
  {
    name: "AUTH LOGIN, none",
    method: "LOGIN",
    auth: { mechanism: "LOGIN", initialResponse: false },
    commands: () => ["AUTH LOGIN", "****", "****"],
  },
];

const beginning: Readonly<Record<Transport, string[]>> = {
  plain: ["CAPA"],
  STLS: ["CAPA", "STLS", "CAPA"],
  "TLS port": ["CAPA"],
};

const cells = transports.flatMap((transport) =>
  logins.map((login, row) => ({ ...login, transport, user: `${transport.replace(" ", "-")}.${row}` })),
);
// The timestamp of the greeting came in clear, and the client must forget it after STLS (RFC 2595 section 4).
const isLost = ({ name, transport }: (typeof cells)[number]): boolean =>
  name === "APOP" && transport === "STLS";

const pass = "correct horse";
const message = Buffer.from("Subject: one\r\n\r\nA line.\r\n.\r\n..two dots\n");
const sha256 = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");

describe("logging in to Dovecot", () => {
  let server: Dovecot;
  const outcomes = new Map<string, string>();

  beforeAll(async () => {
    server = await Dovecot.start({ users: Object.fromEntries(cells.map(({ user }) => [user, pass])) });
    for (const { user } of cells) await server.deliver(user, [message]);
  });

  afterAll(async () => {
    const version = /Dovecot v\S+/.exec(await server.log())?.[0] ?? "Dovecot";
    await server.stop();
    process.stdout.write(table(version, outcomes));
  });

  /** The server's own line about a login that has succeeded or failed. It is written a moment later. */
  async function logged(user: string, what: string): Promise<string> {
    return vi.waitFor(
      async () => {
        const lines = (await server.log()).split("\n");
        const line = lines.find((each) => each.includes(`user=<${user}>`) && each.includes(what));
        if (line === undefined) throw new Error(`Dovecot has not logged "${what}" of ${user}.`);
        return line;
      },
      { interval: 5, timeout: 10_000 },
    );
  }

  it.each(cells.filter((cell) => !isLost(cell)))("$transport, $name", async (cell) => {
    const { name, transport, user, method, auth, commands } = cell;
    using wire = new Wire();
    await using client = await Pop3Client.connect({
      ...reach(server, transport),
      auth: { user, pass, ...auth },
    });
    expect(client.state).toBe("transaction");
    expect(client.secure).toBe(transport !== "plain");
    expect(client.tlsInfo?.authorized).toBe(transport === "plain" ? undefined : true);
    const served = servedOctets(message);
    expect(await client.stat()).toEqual({ count: 1, size: served.length });
    expect(sha256(await client.retr(1))).toBe(sha256(served));
    await client.quit();
    expect(client.state).toBe("closed");
    expect(wire.take()).toEqual([
      ...beginning[transport],
      ...commands(user),
      "CAPA",
      "STAT",
      "RETR 1",
      "QUIT",
    ]);
    const line = await logged(user, "Login: ");
    expect(line).toContain(`method=${method},`);
    expect(line.includes(", TLS,")).toBe(transport !== "plain");
    outcomes.set(`${name}/${transport}`, "ok");
  });

  it.each(cells.filter((cell) => !isLost(cell)))("$transport, $name: a wrong password", async (cell) => {
    const { transport, user, method, auth, commands, refusedAfter } = cell;
    const sent = commands(user).slice(0, refusedAfter);
    using wire = new Wire();
    const attempt = Pop3Client.connect({
      ...reach(server, transport),
      auth: { user, pass: "wrong horse", ...auth },
    });
    await expect(attempt).rejects.toMatchObject({
      name: "Pop3ReplyError",
      code: "POP3_AUTH_REJECTED",
      responseCode: "AUTH",
      temporary: false,
      command: sent.at(-1),
    });
    expect(wire.take()).toEqual([...beginning[transport], ...sent]);
    // Dovecot counted them.
    expect(await logged(user, "(auth failed, 1 attempts")).toContain(`method=${method},`);
  });

  it.each(cells.filter(isLost))("$transport, $name: no timestamp came over TLS", async (cell) => {
    const { name, transport, user, auth } = cell;
    using wire = new Wire();
    const attempt = Pop3Client.connect({ ...reach(server, transport), auth: { user, pass, ...auth } });
    await expect(attempt).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
    expect(wire.take()).toEqual(beginning[transport]);
    outcomes.set(`${name}/${transport}`, "not sent (1)");
  });

  it("one session: a wrong password, then the right one", async () => {
    const { user } = cells[0] as (typeof cells)[number];
    await using client = await Pop3Client.connect(reach(server, "TLS port"));
    await expect(client.authenticate({ user, pass: "wrong horse" })).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
    });
    expect(client.state).toBe("authorization");
    await client.user(user);
    await expect(client.pass("wrong horse")).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    await client.apop(user, pass);
    expect(await client.stat()).toMatchObject({ count: 1 });
    await client.quit();
  });
});

function table(version: string, outcomes: ReadonlyMap<string, string>): string {
  const line = (first: string, rest: readonly string[]): string =>
    `| ${first.padEnd(30)} | ${rest.map((text) => text.padEnd(12)).join(" | ")} |\n`;
  return [
    `\n${line(version, transports)}`,
    `|${"-".repeat(32)}${"|--------------".repeat(transports.length)}|\n`,
    ...logins.map(({ name }) =>
      line(
        name,
        transports.map((transport) => outcomes.get(`${name}/${transport}`) ?? "FAILED"),
      ),
    ),
    "(1) RFC 2595 section 4: the timestamp of a greeting that came in clear is forgotten.\n\n",
  ].join("");
}
