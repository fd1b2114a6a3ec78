// One session of the load server. Replies are prepared in advance. Replies to pipelined commands are joined
// into few writes. Nothing is written while the client does not read.
import type { Socket } from "node:net";
import { mailboxNamed, stuffed, type Mailbox } from "./mailbox.ts";

/** Bytes. Replies are joined up to this size; a larger one is sent alone. */
const BATCH = 256 * 1024;
/** The maximum bytes that wait in the socket: enough that the system always has something to send. */
const WAITING = 1024 * 1024;

const OK = Buffer.from("+OK\r\n");
const END = Buffer.from(".\r\n");
const CAPABILITIES = Buffer.from(
  "+OK\r\nCAPA\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\nSASL PLAIN\r\n.\r\n",
);

/** A mailbox in the form sent over the wire. */
interface Wire {
  readonly mailbox: Mailbox;
  /** The whole responses to RETR, by variant; those of huge messages are not stored. */
  readonly messages: (Buffer | undefined)[];
  list?: Buffer;
  uidl?: Buffer;
  /** The total bytes of the responses to RETR of all messages. */
  octets?: number;
}

const wires = new Map<string, Wire>();

export class LoadSession {
  readonly #socket: Socket;
  #text = "";
  #commands: string[] = [];
  #next = 0;
  #batch: Buffer[] = [];
  #batched = 0;
  /** The rest of a huge message. */
  #pieces: Iterator<Buffer, void> | undefined;
  #blocked = false;
  #user = "";
  /** AUTH came without an initial response: the next line is the response. */
  #challenged = false;
  #wire: Wire | undefined;

  constructor(socket: Socket, greeting: string) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on("drain", () => {
      this.#blocked = false;
      this.#run();
    });
    socket.on("error", () => socket.destroy());
    socket.write(`+OK ${greeting}\r\n`);
  }

  #read(chunk: Buffer): void {
    const lines = (this.#text + chunk.toString("latin1")).split("\r\n");
    this.#text = lines.pop() ?? "";
    if (this.#next === this.#commands.length) {
      this.#commands = lines;
      this.#next = 0;
    } else for (const line of lines) this.#commands.push(line);
    this.#run();
  }

  #run(): void {
    while (!this.#blocked) {
      if (this.#pieces !== undefined) {
        const next = this.#pieces.next();
        if (next.done === true) this.#pieces = undefined;
        else this.#put(next.value);
        continue;
      }
      const line = this.#commands[this.#next];
      if (line === undefined) break;
      this.#next++;
      this.#answer(line);
    }
    this.#send();
  }

  #put(reply: Buffer): void {
    if (this.#batched > 0 && this.#batched + reply.length > BATCH) this.#send();
    this.#batch.push(reply);
    this.#batched += reply.length;
  }

  #say(reply: string): void {
    this.#put(Buffer.from(`${reply}\r\n`));
  }

  #send(): void {
    if (this.#batched === 0) return;
    const socket = this.#socket;
    socket.write(this.#batch.length === 1 ? (this.#batch[0] as Buffer) : Buffer.concat(this.#batch));
    this.#batch = [];
    this.#batched = 0;
    if (socket.writableLength > WAITING) this.#blocked = true;
  }

  #answer(line: string): void {
    const [verb = "", argument] = line.split(" ", 2);
    const name = verb.toUpperCase();
    if (this.#challenged) {
      this.#challenged = false;
      this.#open(userOf(line));
    } else if (name === "CAPA") this.#put(CAPABILITIES);
    else if (name === "QUIT") {
      this.#say("+OK bye");
      this.#send();
      this.#socket.end();
    } else if (this.#wire === undefined) this.#logIn(name, line.split(" "));
    else this.#transaction(this.#wire, name, argument === undefined ? undefined : Number(argument));
  }

  /** The name of the user is the name of the mailbox, and every password is accepted. */
  #logIn(name: string, words: readonly string[]): void {
    if (name === "USER") {
      this.#user = words[1] ?? "";
      this.#put(OK);
    } else if (name === "PASS") this.#open(this.#user);
    else if (name === "AUTH" && words[2] !== undefined) this.#open(userOf(words[2]));
    else if (name === "AUTH") {
      this.#challenged = true;
      this.#say("+ ");
    } else this.#say("-ERR not now");
  }

  #open(name: string): void {
    let wire = wires.get(name);
    if (wire === undefined) {
      wire = { mailbox: mailboxNamed(name), messages: [] };
      wires.set(name, wire);
    }
    this.#wire = wire;
    this.#put(OK);
  }

  #transaction(wire: Wire, name: string, number: number | undefined): void {
    const { mailbox } = wire;
    if (number !== undefined && !(number >= 1 && number <= mailbox.count)) this.#say("-ERR no such message");
    else if (name === "RETR" && number !== undefined) this.#retr(wire, number);
    else if (name === "STAT") this.#say(`+OK ${mailbox.count} ${mailbox.octets}`);
    else if (name === "LIST" && number !== undefined) this.#say(`+OK ${number} ${mailbox.size(number)}`);
    else if (name === "UIDL" && number !== undefined) this.#say(`+OK ${number} ${mailbox.uid(number)}`);
    else if (name === "LIST") this.#put((wire.list ??= listing(mailbox, (n) => mailbox.size(n))));
    else if (name === "UIDL") this.#put((wire.uidl ??= listing(mailbox, (n) => mailbox.uid(n))));
    // Our extension: tells a client that only counts bytes how many will come.
    else if (name === "XOCTETS") this.#say(`+OK ${(wire.octets ??= wireOctets(wire))}`);
    else this.#put(OK);
  }

  #retr(wire: Wire, number: number): void {
    const whole = response(wire, number);
    if (whole !== undefined) {
      this.#put(whole);
      return;
    }
    this.#put(status(wire.mailbox, number));
    this.#pieces = hugeBody(wire.mailbox, number);
  }
}

/** Returns the user name in a response of PLAIN (RFC 4616). */
function userOf(response: string): string {
  return Buffer.from(response, "base64").toString("latin1").split("\0")[1] ?? "";
}

/** Returns the whole response to RETR; `undefined` for a huge message. */
function response(wire: Wire, number: number): Buffer | undefined {
  const { mailbox, messages } = wire;
  const variant = mailbox.variant(number);
  const known = messages[variant];
  if (known !== undefined) return known;
  const pieces = [...mailbox.pieces(number)];
  if (pieces.length > 1) return undefined;
  const made = Buffer.concat([status(mailbox, number), stuffed(pieces[0] as Buffer), END]);
  messages[variant] = made;
  return made;
}

function* hugeBody(mailbox: Mailbox, number: number): Generator<Buffer, void> {
  // Its pieces are base64: no line begins with a dot.
  yield* mailbox.pieces(number);
  yield END;
}

function status(mailbox: Mailbox, number: number): Buffer {
  return Buffer.from(`+OK ${mailbox.size(number)} octets\r\n`);
}

function listing(mailbox: Mailbox, entry: (number: number) => string | number): Buffer {
  const pieces: Buffer[] = [Buffer.from(`+OK ${mailbox.count} messages\r\n`)];
  for (let number = 1; number <= mailbox.count;) {
    let lines = "";
    for (const stop = number + 10_000; number <= mailbox.count && number < stop; number++) {
      lines += `${number} ${entry(number)}\r\n`;
    }
    pieces.push(Buffer.from(lines, "latin1"));
  }
  return Buffer.concat([...pieces, END]);
}

function wireOctets(wire: Wire): number {
  const { mailbox } = wire;
  let octets = 0;
  for (let number = 1; number <= mailbox.count; number++) {
    const whole = response(wire, number);
    octets += whole?.length ?? status(mailbox, number).length + mailbox.size(number) + END.length;
  }
  return octets;
}
