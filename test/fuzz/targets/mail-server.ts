// What a mail server answers (RFC 5321 section 4.2, RFC 2033). The first octet chooses LMTP or SMTP, with or without a sign-in;
// NUL separates the answers, and an empty one is that of a server that takes everything. Oracles: a message counts as delivered
// only if the server has all of it and has said so after its end; it counts as refused only if the server says 5yz; what is
// printed is one line, without the token.
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Secrets } from "../../../src/protocol/secrets.ts";
import { DestinationError } from "../../../src/fetch/destinations/destination-error.ts";
import { MailConnection } from "../../../src/fetch/destinations/lmtp/mail-connection.ts";
import { mailRefusal } from "../../../src/fetch/destinations/lmtp/mail-refusal.ts";
import type { MailServer } from "../../../src/fetch/destinations/lmtp/mail-server.ts";
import { expectSame, expectThat, fromFirst, isOneLine, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "fetch/destinations/lmtp/mail-connection",
  "fetch/destinations/lmtp/mail-refusal",
  "fetch/destinations/lmtp/conversations",
];
export const LONGEST = 512;
export const TOKENS: readonly string[] = [
  ...[
    "\0",
    "\0\0",
    "250 ok\r\n",
    "250-a\r\n",
    "354 go\r\n",
    "220 hi\r\n",
    "421 bye\r\n",
    "450 later\r\n",
    "452 full\r\n",
  ],
  ...[
    "550 5.1.1 no\r\n",
    "552 5.2.3 size\r\n",
    "554 spam\r\n",
    "535 no\r\n",
    "334 e30=\r\n",
    "503 order\r\n",
    "\r\n",
    "5.2.2",
  ],
  ...["250-AUTH XOAUTH2\r\n250 SIZE 9\r\n", "hunter2-token", "-", " "],
];

const MESSAGE = "Subject: a\r\n\r\n.dot\r\nend\r\n";
const STUFFED = "Subject: a\r\n\r\n..dot\r\nend\r\n.\r\n";
const TOKEN = "hunter2-token";
const PROOF = Buffer.from(`user=ann\x01auth=Bearer ${TOKEN}\x01\x01`).toString("base64");

/** One reply, whole, and nothing else. */
const REPLY = /^(?:(\d{3})-[^\r\n]*\r\n)*(\d{3})(?: [^\r\n]*)?\r\n$/;

const GOOD: Readonly<Record<string, string>> = {
  greeting: "220 ready\r\n",
  EHLO: "250-AUTH XOAUTH2\r\n250 8BITMIME\r\n",
  LHLO: "250-AUTH XOAUTH2\r\n250 8BITMIME\r\n",
  AUTH: "235 welcome\r\n",
  DATA: "354 go\r\n",
};

/** The side of the server in one connection. */
class Session {
  /** What was answered to each command: the verb, or `end`. */
  readonly answers: (readonly [verb: string, answer: string])[] = [];
  /** The octets between DATA and the dot. */
  message = "";
  /** Whether each answer was one whole reply. */
  isPlain = true;
  readonly #socket: Socket;
  readonly #given: string[];
  #pending = "";
  #isData = false;

  constructor(socket: Socket, given: readonly string[]) {
    this.#socket = socket;
    this.#given = [...given];
    socket.on("error", () => undefined).on("data", (chunk) => this.#read(text(chunk)));
    this.#answer("greeting");
  }

  #read(chunk: string): void {
    this.#pending += chunk;
    for (;;) {
      const end = this.#isData ? /^\.\r\n|\r\n\.\r\n/ : /\r?\n/;
      const found = end.exec(this.#pending);
      if (found === null) return;
      const part = this.#pending.slice(0, found.index + found[0].length);
      this.#pending = this.#pending.slice(part.length);
      if (this.#isData) this.message = part;
      const verb = this.#isData ? "end" : (part.split(/[ :\r\n]/, 1)[0] ?? "").toUpperCase();
      this.#isData = false;
      this.#answer(verb);
    }
  }

  #answer(verb: string): void {
    const wanted = this.#given.shift() ?? "";
    const answer = wanted === "" ? (GOOD[verb] ?? "250 ok\r\n") : wanted;
    this.answers.push([verb, answer]);
    this.#isData = verb === "DATA" && /^[23]/.test(answer);
    const isPlain = REPLY.test(answer);
    this.isPlain &&= isPlain;
    this.#socket.write(answer, "latin1");
    // The client would wait for the rest, or for nothing.
    if (!isPlain) this.#socket.end();
  }
}

let given: readonly string[] = [];
let session: Session | undefined;
let listening: Promise<Server> | undefined;

function server(): Promise<Server> {
  return (listening ??= (async () => {
    const made = createServer({ noDelay: true }, (socket) => {
      session = new Session(socket, given);
    });
    made.listen(0, "127.0.0.1").unref();
    await once(made, "listening");
    return made;
  })());
}

export async function fuzz(data: Buffer): Promise<void> {
  const [kind, rest] = fromFirst(data, 4);
  given = text(rest).split("\0");
  session = undefined;
  const { port } = (await server()).address() as AddressInfo;
  const auth = kind < 2 ? undefined : ({ kind: "accessToken", secret: TOKEN } as const);
  const target: MailServer = {
    ...{ name: "mail.example.com", lmtp: kind % 2 === 0, starttls: "never", user: "ann", auth },
    ...{ path: undefined, host: "127.0.0.1", port, secure: false, tls: {} },
  };
  const secrets = new Secrets();
  let connection: MailConnection | undefined;
  let failure: unknown;
  try {
    connection = await MailConnection.open(target, 5000, secrets, undefined);
    await connection.signIn(undefined);
    await connection.send({ sender: "", recipient: "ann@example.com", octets: octets(MESSAGE) }, undefined);
  } catch (error) {
    failure = error;
  }
  const begun = connection?.hasBegun === true;
  connection?.leave();
  if (failure === undefined) checkTaken(session);
  else
    checkFailure(
      mailRefusal(failure, { server: "mail.example.com", recipient: "ann@example.com", begun, secrets }),
    );
}

function checkTaken(seen: Session | undefined): void {
  expectSame(seen?.message, STUFFED, "the message that a server has");
  const replies = seen?.answers.filter(([verb]) => verb !== "QUIT") ?? [];
  const [verb, last = ""] = replies.at(-1) ?? [];
  expectSame(verb, "end", "the last command before a delivery");
  // More than one reply at once answers commands that were not sent yet.
  if (seen?.isPlain !== true) return;
  expectThat(last.startsWith("2"), "a delivery that the server has not confirmed", last);
  // After EHLO, a client may try HELO.
  for (const [each, answer] of replies.filter(([name]) => name !== "EHLO"))
    expectThat(/^[23]/.test(answer), `a delivery after a refusal of ${each}`, answer);
}

function checkFailure(error: Error): void {
  expectThat(DestinationError.is(error), "an error of a destination", error);
  expectThat(isOneLine(error.message), "an error that cannot be printed", error.message);
  // Before the client signs in, nothing that a server says is known to be a secret.
  const hasSignedIn = session?.answers.some(([verb]) => verb === "AUTH") === true;
  for (const secret of hasSignedIn ? [TOKEN, PROOF] : [])
    expectThat(!error.message.includes(secret), "a token in an error", error.message);
  if (error.later) return;
  const answers = session?.answers.map(([, answer]) => answer).join("") ?? "";
  expectThat(/(?:^|\n)5\d\d/.test(answers), "a message that is blamed without a 5yz", answers);
}

export function parse(data: Buffer): void {
  const about = { server: "a", recipient: "b", begun: false, secrets: new Secrets(TOKEN) };
  const response = text(data);
  mailRefusal(Object.assign(new Error(response), { response, responseCode: 552, command: "DATA" }), about);
}
