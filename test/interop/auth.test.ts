// Each mechanism against each server over each transport: the right secret is accepted, a wrong one is
// refused, and no secret is visible.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { Courier } from "../servers/courier.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { Kdc } from "../servers/kdc.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { another, cleartext, pass, proofFor, tokenKey, user, type Proof } from "./auth-proofs.ts";
import { Relay } from "./auth-relay.ts";
import { printed, spellings } from "./auth-secrets.ts";
import { cells, outcomeTable, type Cell, type ServerName } from "./auth-table.ts";
import { reachBy, type AuthTransport } from "./auth-transport.ts";
import { Wire } from "./wire.ts";

const message = Buffer.from("Subject: one\r\n\r\nA line.\r\n.\r\n..two dots\r\n");
const beginning: Readonly<Record<AuthTransport, readonly string[]>> = {
  clear: ["CAPA"],
  STLS: ["CAPA", "STLS", "CAPA"],
  "TLS 1.2": ["CAPA"],
  "TLS 1.3": ["CAPA"],
};
let kdc: Kdc;
const running = new Map<ServerName, MailServer>();
const relays = new Map<ServerName, Relay>();
const outcomes = new Map<Cell, string>();

beforeAll(async () => {
  kdc = await Kdc.start({ users: [user, another] });
  const users = { [user]: pass, [another]: "secret", guest: "nobody knows it" };
  const known = { users, clientCertificates: true, kerberos: kdc };
  running.set("Dovecot", await Dovecot.start({ ...known, tokenKey, anonymousUser: "guest" }));
  running.set("Cyrus", await Cyrus.start(known));
  running.set("Courier", await Courier.start({ users }));
  for (const [name, server] of running) {
    await server.deliver(user, [message]);
    await server.deliver("guest", [message]);
    relays.set(name, await Relay.start(server.port));
  }
});

afterAll(async () => {
  for (const each of [...relays.values(), ...running.values(), kdc]) await each[Symbol.asyncDispose]();
  process.stdout.write(outcomeTable(outcomes));
});

const serverOf = ({ server }: Cell): MailServer => running.get(server) as MailServer;
const relayOf = ({ server }: Cell): Relay => relays.get(server) as Relay;

/** In clear the way leads through the relay, which sees it all. */
function wayTo(cell: Cell, proof: Proof): Pop3ClientOptions {
  const { host, port, tlsPort, ca } = serverOf(cell);
  const address = { host, tlsPort, ca, port: cell.transport === "clear" ? relayOf(cell).port : port };
  return { ...reachBy(address, cell.transport, proof.tls), auth: proof.auth };
}

interface Attempt {
  readonly client: Pop3Client;
  /** Why it did not get in. */
  readonly error: unknown;
}

/** Logs in. The proof's Kerberos ticket is the only one available. */
async function attempt(cell: Cell, proof: Proof): Promise<Attempt> {
  const client = new Pop3Client(wayTo(cell, proof));
  using _ = proof.ticket === undefined ? undefined : kdc.actAs(proof.ticket);
  const error: unknown = await client.connect().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { client, error };
}

/** Whether the user is in is seen by what only a user gets. */
async function readMaildrop(client: Pop3Client): Promise<void> {
  expect(await client.stat()).toEqual({ count: 1, size: message.length });
  expect((await client.retr(1)).equals(message)).toBe(true);
  await client.quit();
}

/** What went out of a login, as it may be printed: what came before is the same for every mechanism. */
function loginCommands(wire: Wire, { transport }: Cell): string[] {
  const commands = wire.take();
  expect(commands.splice(0, beginning[transport].length)).toEqual(beginning[transport]);
  // After the login the client asks for the capabilities again; together with the next command if the server
  // has PIPELINING.
  return commands.filter((command) => command !== "CAPA");
}

/** A command of a login, as it may be printed. */
const loginCommand = /^(?:AUTH [A-Z0-9-]+(?: \*{4})?|\*{4}|USER ann|PASS \*{4}|APOP ann \*{4})$/;

/** A refusal is the end: whatever is sent again is of the same mechanism, with another binding. */
function expectOneMethod({ method }: Cell, commands: readonly string[]): void {
  for (const command of commands) expect(command).toMatch(loginCommand);
  const tried = commands.map((command) => /^(?:AUTH )?(?!PASS|\*)(\S+)/.exec(command)?.[1]);
  expect(new Set(tried.filter((name) => name !== undefined))).toEqual(new Set([method]));
}

/** Fails if there are secrets in the error, or in what the relay has seen. */
function expectHidden({ method }: Cell, { secrets }: Proof, error: unknown, sent: string): void {
  const words = printed(error);
  for (const secret of secrets) {
    const [inWords, onWire] = [words, sent].map((text) =>
      spellings(secret).some((each) => text.includes(each)),
    );
    expect(inWords).toBe(false);
    expect(onWire).toBe(sent !== "" && cleartext.includes(method));
  }
}

const refusal = ({ server }: Cell): object => ({
  name: "Pop3ReplyError",
  code: "POP3_AUTH_REJECTED",
  temporary: false,
  ...(server === "Courier" ? {} : { responseCode: "AUTH" }),
});

/** What became of a login, and that it is all as it should be then. */
async function outcomeOf(cell: Cell, proof: Proof, wire: Wire): Promise<string> {
  const { client, error } = await attempt(cell, proof);
  await using _ = client;
  const commands = loginCommands(wire, cell);
  if (error === undefined) await readMaildrop(client);
  else expect(client.state).toBe("closed");
  const sent = relayOf(cell).take();
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === "POP3_AUTH_NO_MECHANISM" || code === "POP3_NOT_SUPPORTED") {
    expect(commands).toEqual([]);
    return code === "POP3_NOT_SUPPORTED" ? "no kerberos" : "–";
  }
  if (error !== undefined) expect(error).toMatchObject(refusal(cell));
  expectOneMethod(cell, commands);
  expectHidden(cell, proof, error, sent);
  return error === undefined ? "ok" : "refused";
}

describe("the right secret", () => {
  it.each(cells)("$server, $transport, $mechanism", async (cell) => {
    using wire = new Wire();
    const proof = await proofFor(cell.mechanism, serverOf(cell), true);
    const outcome = await outcomeOf(cell, proof, wire);
    outcomes.set(cell, outcome);
    expect(outcome).toBe(cell.expected);
  });
});

describe("a wrong secret", () => {
  // With ANONYMOUS nothing can be wrong.
  const refused = cells.filter(({ mechanism, expected }) => expected === "ok" && mechanism !== "ANONYMOUS");
  const isCourier = ({ server }: Cell): boolean => server === "Courier";

  it.each(refused.filter((cell) => !isCourier(cell)))("$server, $transport, $mechanism", async (cell) => {
    using wire = new Wire();
    const proof = await proofFor(cell.mechanism, serverOf(cell), false);
    expect(await outcomeOf(cell, proof, wire)).toBe("refused");
  });

  it("Courier, which answers after 5 s: each transport and mechanism at the same time", async () => {
    using wire = new Wire();
    const attempts = refused.filter(isCourier).map(async (cell) => {
      const proof = await proofFor(cell.mechanism, serverOf(cell), false);
      const { error } = await attempt(cell, proof);
      expect(error).toMatchObject(refusal(cell));
      expectHidden(cell, proof, error, "");
    });
    await Promise.all(attempts);
    for (const command of wire.take())
      if (!/^(?:CAPA|STLS)$/.test(command)) expect(command).toMatch(loginCommand);
  });
});
