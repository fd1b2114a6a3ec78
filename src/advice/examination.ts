// Examines a server in one session, step by step, and stops at the first failure. It changes nothing on the
// server.
import { authority, hostText } from "../net/authority.ts";
import { hasNoValues } from "../protocol/malformed-line.ts";
import { pipeliningFault } from "../protocol/pipelining-faults.ts";
import { messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError, type AnyPop3Error } from "../errors.ts";
import type { CallOptions } from "../options/call.ts";
import type { Pop3Auth } from "../options/auth.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import type { MalformedLine } from "../protocol/malformed-line.ts";
import { malformedTexts } from "./malformed.ts";
import { count, octetsText } from "./wording.ts";

/** What an examination needs of a client. */
interface ExaminedClient {
  readonly greeting: string | undefined;
  readonly capabilities: Capabilities;
  readonly tlsInfo:
    { readonly protocol: string; readonly cipher: string; readonly authorized: boolean } | undefined;
  readonly pipelining: string;
  readonly mechanism: string | undefined;
  readonly malformed: readonly MalformedLine[];
  connect(options: CallOptions): Promise<void>;
  authenticate(auth: Pop3Auth, options: CallOptions): Promise<void>;
  stat(options: CallOptions): Promise<{ readonly count: number; readonly size: number }>;
  list(options: CallOptions): Promise<ReadonlyMap<number, number>>;
  uidl(options: CallOptions): Promise<ReadonlyMap<number, string>>;
  retr(message: number, options: CallOptions): Promise<Buffer>;
  rset(options: CallOptions): Promise<void>;
  quit(options: CallOptions): Promise<void>;
  close(): void;
}

/** What is examined. */
export interface Examination {
  /** A client without a login, not connected. */
  readonly client: ExaminedClient;
  readonly server: { readonly host: string; readonly port: number; readonly secure: boolean };
  readonly auth: Pop3Auth | undefined;
  /** What no text may show. */
  readonly secrets: Secrets;
  readonly signal: AbortSignal | undefined;
  /** Also retrieves several messages together, to test the server's pipelining. */
  readonly retrieve: boolean;
}

export interface Step {
  readonly name:
    "connection" | "greeting" | "capabilities" | "login" | "mailbox" | "unique-ids" | "pipelining" | "end";
  readonly text: string;
  /** Remarks and advice. */
  readonly notes: readonly string[];
  /** The results for the JSON output. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The failure of the step, which is then the last one. */
  readonly error?: AnyPop3Error;
}

/** The maximal number of messages that are retrieved together, and the maximal size of each in bytes. */
const TOGETHER = 5;
const SMALL = 256 * 1024;

/** Yields each step of a session when it is finished. If a step fails, it has an error and is the last one. */
export async function* examine({
  client,
  server,
  auth,
  secrets,
  signal,
  retrieve,
}: Examination): AsyncGenerator<Step, void> {
  let name: Step["name"] = "connection";
  const step = (text: string, facts: Step["facts"] = {}, notes: readonly string[] = []): Step => ({
    name,
    text,
    facts,
    notes,
  });
  try {
    await client.connect({ signal });
    yield step(...connectionOf(client, server));
    name = "greeting";
    yield step(printable(client.greeting ?? "", secrets), { greeting: client.greeting });
    name = "capabilities";
    yield step(...capabilitiesOf(client, secrets));
    name = "login";
    if (auth === undefined) {
      yield step("not tried: the URL does not name a user", { login: false });
    } else {
      await client.authenticate(auth, { signal });
      yield step(`as ${auth.user ?? "an unnamed user"}`, { login: true, mechanism: client.mechanism });
      name = "mailbox";
      // STAT is not sent together with LIST: some servers accept every login, and refuse only here.
      const { count: messages, size: octets } = await client.stat({ signal });
      const sizes = await listing(client, "LIST", client.list({ signal }));
      const listed = sizes.size;
      const malformed = client.malformed;
      const notes = malformedTexts(malformed);
      if (listed + malformed.length !== messages)
        notes.unshift(`STAT counts ${String(messages)}, LIST has ${String(listed)}.`);
      yield step(`${count(messages, "message")}, ${octetsText(octets)}`, { messages, octets }, notes);
      name = "unique-ids";
      const uids = await uidl(client, signal);
      yield step(...uidsOf(uids, client.malformed));
      if (retrieve) {
        name = "pipelining";
        const small = [...sizes].filter(([, size]) => size <= SMALL).map(([number]) => number);
        yield step(...(await pipeliningOf(client, small.slice(0, TOGETHER), signal)));
        if (client.pipelining === "broken") return;
      }
    }
    name = "end";
    await client.quit({ signal });
    yield step("nothing was changed");
  } catch (error) {
    if (!Pop3Error.is(error)) throw error;
    if (name === "connection" && error.code.includes("GREETING")) name = "greeting";
    const notes = client.pipelining === "broken" ? [noteOnPipelining(error)] : [];
    yield { name, text: "", notes, facts: {}, error };
  } finally {
    client.close();
  }
}

type Findings = readonly [text: string, facts: Step["facts"], notes: readonly string[]];

function connectionOf(
  { tlsInfo, capabilities }: ExaminedClient,
  { host, port, secure }: Examination["server"],
): Findings {
  const place = authority({ host, port });
  const overTls = `pop3s://${hostText(host)}`;
  if (tlsInfo === undefined) {
    const better = capabilities.stls
      ? "The server offers STLS: remove ?stls=never to use it."
      : `The server does not offer STLS. It may have TLS at another port: ${overTls}`;
    return [
      `${place}, in clear text`,
      { tls: null },
      [`Others on the network can read this session. ${better}`],
    ];
  }
  const { protocol, cipher, authorized } = tlsInfo;
  const verified = authorized ? "certificate verified" : "certificate NOT verified";
  const notes = secure
    ? []
    : [`TLS from the first byte is safer. If the server has a port for it, use ${overTls}`];
  const text = `${place}, ${protocol}${secure ? "" : " by STLS"}, ${cipher}, ${verified}`;
  return [text, { tls: { protocol, cipher, authorized, stls: !secure } }, notes];
}

/** Says what the end of a session with several commands in flight means. A connection that is only lost looks the same. */
function noteOnPipelining(error: unknown): string {
  const why = Pop3ProtocolError.is(error)
    ? "The server seems not to be able to handle that."
    : "The server may not be able to handle that, or the connection was lost for another reason: try again later.";
  return `The session ended while several commands were in flight. ${why} For 24 hours popwright sends it one command at a time. The option \`pipelining: false\` does so permanently.`;
}

/**
 * Tests whether the server answers several RETR in order. Deletes nothing, but some servers mark the messages
 * as read.
 */
async function pipeliningOf(
  client: ExaminedClient,
  numbers: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Findings> {
  const { pipelining } = client;
  if (pipelining !== "on") return [`not tried: pipelining is ${pipelining}`, { pipelining }, []];
  if (numbers.length < 2)
    return ["not tried: the test needs at least two small messages", { pipelining }, []];
  const results = await Promise.allSettled(numbers.map((number) => client.retr(number, { signal })));
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) {
    // Some servers delete retrieved messages at QUIT. RSET prevents that.
    await client.rset({ signal });
    return [`${count(numbers.length, "message")} arrived together and in order`, { pipelining }, []];
  }
  const error: unknown = failed.reason;
  if (client.pipelining !== "broken") throw error;
  const words = printable(messageOf(error));
  const verdict = Pop3ProtocolError.is(error) ? "broken" : "not certain";
  return [`${verdict}: ${words}`, { pipelining: "broken" }, [noteOnPipelining(error)]];
}

function capabilitiesOf({ capabilities, greeting }: ExaminedClient, secrets: Secrets): Findings {
  const { all, sasl, user, loginDelay, expire, uidl } = capabilities;
  const facts = { capabilities: all };
  if (all.size === 0) return ["the server lists none", facts, []];
  const can = [
    ...(capabilities.pipelining ? ["pipelining"] : []),
    ...(uidl ? ["UIDL"] : []),
    ...(capabilities.top ? ["TOP"] : []),
    ...(capabilities.stls ? ["STLS"] : []),
    ...(capabilities.utf8 === undefined ? [] : ["UTF8"]),
    ...(capabilities.respCodes ? ["response codes"] : []),
  ];
  const ways = [...[...sasl].map((name) => printable(name, secrets)), ...(user ? ["USER"] : [])];
  const parts = [can.join(", "), ways.length === 0 ? "" : `login by ${ways.join(", ")}`];
  if (loginDelay !== undefined) parts.push(`at least ${String(loginDelay.seconds)} s between logins`);
  if (expire !== undefined) parts.push(expiry(expire.days));
  const notes: string[] = [];
  const fault = pipeliningFault(greeting, capabilities);
  if (fault !== undefined) {
    const instead = fault.breaks === "all" ? "one command at a time" : "no command after RETR or TOP";
    notes.push(`Its pipelining is broken (${fault.name}). ${fault.effect} popwright sends it ${instead}.`);
  }
  if (ways.length === 0) notes.push("It lists no login method: it may require TLS first.");
  else if (ways.every((way) => way === "XOAUTH2" || way === "OAUTHBEARER"))
    notes.push("It accepts only access tokens: use --login, --token-command or POPWRIGHT_TOKEN.");
  return [parts.filter((part) => part !== "").join("; "), facts, notes];
}

function expiry(days: number | "never"): string {
  if (days === "never") return "messages never expire";
  return days === 0
    ? "messages may be deleted after they were retrieved"
    : `messages expire after ${count(days, "day")}`;
}

/** Returns the readable part of a listing. It is empty if each line has a message number and nothing else. */
async function listing<V>(
  client: ExaminedClient,
  command: "LIST" | "UIDL",
  listed: Promise<ReadonlyMap<number, V>>,
): Promise<ReadonlyMap<number, V>> {
  try {
    return await listed;
  } catch (error) {
    if (hasNoValues(error, client.malformed, command)) return new Map();
    throw error;
  }
}

/** Returns the unique-ids. `undefined`: the server does not know UIDL. */
async function uidl(
  client: ExaminedClient,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, string> | undefined> {
  try {
    return await listing(client, "UIDL", client.uidl({ signal }));
  } catch (error) {
    if (error instanceof Pop3ReplyError) return undefined;
    throw error;
  }
}

function uidsOf(
  uids: ReadonlyMap<number, string> | undefined,
  malformed: readonly MalformedLine[],
): Findings {
  if (uids === undefined)
    return [
      "none",
      { uids: "none" },
      ["Without unique-ids, only the content shows which messages were fetched before."],
    ];
  const bad = malformed.filter(({ command }) => command === "UIDL");
  const notes = malformedTexts(bad);
  const repeated = uids.size - new Set(uids.values()).size;
  if (repeated > 0)
    return [
      `${String(repeated)} of ${String(uids.size)} are not unique`,
      { uids: "repeated", malformed },
      notes,
    ];
  if (bad.length > 0)
    notes.push("Such a message is recognized by its content, so it is retrieved in every run.");
  const none = bad.length === 0 ? "none, because there are no messages" : "none that can be used";
  return [
    uids.size === 0 ? none : `${String(uids.size)}, all different`,
    { uids: uids.size === 0 && bad.length > 0 ? "none" : "unique", malformed },
    notes,
  ];
}
