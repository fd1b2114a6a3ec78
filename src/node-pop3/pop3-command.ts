// The class of node-pop3 over our client: the same methods and results, one command at a time, in the order of the calls.
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { listenToReplies, Pop3Client } from "../client.ts";
import { Pop3Error } from "../errors.ts";
import { argumentError, configError } from "../options/checks.ts";
import type { Pop3ClientOptions } from "../options/client.ts";
import { withEventName } from "./event-name.ts";
import { HeldMessage } from "./held-message.ts";
import {
  clientOptionsFrom,
  lineFrom,
  linesFrom,
  messageFrom,
  optionalMessageFrom,
  type NodePop3Options,
} from "./options.ts";
import { authFrom } from "./sasl.ts";
import { listify, stream2String, textOf } from "./text.ts";
import { printable } from "../protocol/printable.ts";

/** A session, and the texts of its replies. */
interface Opened {
  readonly client: Pop3Client;
  /** Verb → the text after `+OK` in the last reply. */
  readonly texts: Map<string, string>;
  loggedIn: boolean;
}

/** A session that ended without QUIT. */
interface Lost {
  readonly failure: Pop3Error;
  /** Whether messages were marked as deleted. They are not deleted. */
  readonly marked: boolean;
}

/** The events of `Pop3Command`. */
export interface NodePop3Events {
  /** The session has failed. */
  warn: [error: Pop3Error];
  /** The session has ended: after a failure with the error, after QUIT without one. */
  end: [error: Pop3Error | undefined];
}

/** A reply of one line, and for a longer response its bytes. */
export type NodePop3Answer = [text: string, stream: Readable | null];

/**
 * A POP3 client with the interface of the package `node-pop3`: change the name of the import, and keep the program. It
 * connects and logs in with the first call, sends one command at a time, and can be used again after QUIT. Messages
 * arrive byte for byte, TLS is required and verified, each wait has a limit, and errors are those of {@link Pop3Client}.
 *
 * Message numbers are valid in one session. If a session is lost, calls with a message number reject until `UIDL()`,
 * `LIST()`, `STAT()` or `connect()` has opened another one.
 *
 * @example
 * ```ts
 * const pop3 = new Pop3Command({ host: "pop.example.com", tls: true, user: "ann", password: "secret" });
 * for (const [number, uid] of await pop3.UIDL()) console.log(number, uid);
 * await pop3.QUIT();
 * ```
 */
export class Pop3Command extends EventEmitter<NodePop3Events> {
  /** The name or the IP address of the server. */
  readonly host: string;
  /** The TCP port. */
  readonly port: number;
  /** Whether TLS begins with the first byte. */
  readonly tls: boolean;
  /** The user name. */
  readonly user: string | undefined;
  readonly #password: string | undefined;
  readonly #options: Pop3ClientOptions;
  #opened: Opened | undefined;
  #lost: Lost | undefined;
  /** The message whose stream may still be read. */
  #message: HeldMessage | undefined;
  /** Resolves when the last call is complete. */
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Checks the options; throws `POP3_CONFIG` if they are invalid. Does not connect. */
  constructor(options: NodePop3Options) {
    super();
    this.#options = clientOptionsFrom(options);
    // Checks the rest.
    new Pop3Client(this.#options);
    this.host = options.host;
    this.tls = options.tls ?? false;
    this.port = this.#options.port ?? (this.tls ? 995 : 110);
    this.user = options.user;
    this.#password = options.password;
  }

  /** Splits text into lines, and each line at its spaces. */
  static listify(text: string): string[][] {
    if (typeof text !== "string") throw argumentError("the text for listify() must be a string");
    return listify(text);
  }

  /** Reads a stream of `command()` into a string. Rejects with the error of the stream. */
  static async stream2String(stream: AsyncIterable<Buffer | string>): Promise<string> {
    if (typeof (stream as Partial<typeof stream> | null | undefined)?.[Symbol.asyncIterator] !== "function")
      throw argumentError("the stream for stream2String() must be a readable stream");
    return stream2String(stream);
  }

  /** Connects and starts TLS, but does not log in. Does nothing if the session is open. */
  connect(): Promise<void> {
    return this.#inTurn(async () => {
      this.#lost = undefined;
      await this.#connected();
    });
  }

  /** Connects and logs in, and resolves with the client of the session: for everything that node-pop3 does not have. */
  client(): Promise<Pop3Client> {
    return this.#inTurn(async () => (await this.#ready("client()")).client);
  }

  /** Connects and logs in. Resolves with the text of the server. Programs of node-pop3 call it before `command`. */
  _connect(): Promise<string> {
    return this.#inTurn(async () => {
      const { texts } = await this.#ready("connect()");
      return texts.get("PASS") ?? texts.get("****") ?? texts.get("AUTH") ?? texts.get("APOP") ?? "";
    });
  }

  /**
   * Sends a command after {@link connect}, and resolves with the text after `+OK`, and with a stream if a longer response
   * follows. A stream of RETR or TOP has backpressure until the program sends another command.
   */
  command(...parts: readonly (string | number)[]): Promise<NodePop3Answer> {
    return this.#inTurn(() => this.#command(lineFrom(parts)));
  }

  /** UIDL: rows of message number and unique-id. */
  UIDL(): Promise<string[][]>;
  /** UIDL of one message: its number and its unique-id. */
  UIDL(message: number | string): Promise<string[]>;
  UIDL(message?: number | string): Promise<string[][] | string[]> {
    return this.#listing(
      "UIDL",
      message,
      (client) => client.uidl(),
      (client, number) => client.uidl(number),
    );
  }

  /** LIST: rows of message number and size in bytes. */
  LIST(): Promise<string[][]>;
  /** LIST of one message: its number and its size in bytes. */
  LIST(message: number | string): Promise<string[]>;
  LIST(message?: number | string): Promise<string[][] | string[]> {
    return this.#listing(
      "LIST",
      message,
      (client) => client.list(),
      (client, number) => client.list(number),
    );
  }

  /** STAT: the number of messages and their size in bytes, as the server sent them: `2 320`. */
  STAT(): Promise<string> {
    return this.#text("STAT", (client) => client.stat());
  }

  /** NOOP. */
  async NOOP(): Promise<void> {
    await this.#text("NOOP", (client) => client.noop());
  }

  /** LAST (RFC 1081), which few servers have: the highest number that was retrieved. */
  LAST(): Promise<string> {
    return this.#text("LAST", (client) => client.command("LAST"));
  }

  /** RSET: unmarks all messages. */
  RSET(): Promise<string> {
    return this.#text("RSET", (client) => client.rset());
  }

  /** DELE: marks a message, which `QUIT` deletes. */
  DELE(message: number | string): Promise<string> {
    return this.#inTurn(async () => {
      const number = messageFrom(message);
      const { client, texts } = await this.#ready("DELE", number);
      await client.dele(number);
      return texts.get("DELE") ?? "";
    });
  }

  /**
   * RETR: the whole message as a string: UTF-8 if it is valid, otherwise one character for each byte (`latin1`). For
   * the bytes themselves call `(await pop3.client()).retr(message)`.
   */
  RETR(message: number | string): Promise<string> {
    return this.#inTurn(async () => {
      const number = messageFrom(message);
      const { client } = await this.#ready("RETR", number);
      return textOf(await client.retr(number));
    });
  }

  /** TOP: the headers, the empty line and the first `lines` lines of the body, as a string. @param lines default 0 */
  TOP(message: number | string, lines: number | string = 0): Promise<string> {
    return this.#inTurn(async () => {
      const [number, count] = [messageFrom(message), linesFrom(lines)];
      const { client } = await this.#ready("TOP", number);
      return textOf(await client.top(number, count));
    });
  }

  /**
   * QUIT: deletes the marked messages, and ends the session. Resolves with `Bye` without a session. Rejects with
   * `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN` as {@link Pop3Client.quit} does, and with the error of the session if
   * it was lost with marked messages: they are not deleted.
   */
  QUIT(): Promise<string> {
    return this.#inTurn(async () => {
      const [text] = this.#opened === undefined ? this.#left() : await this.#command("QUIT");
      return text;
    });
  }

  #left(): NodePop3Answer {
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost?.marked === true) throw lost.failure.forCommand("QUIT");
    return ["Bye", null];
  }

  /** Waits for the earlier calls and their messages, then runs `work`. Adds `eventName` to its error. */
  async #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const before = this.#last;
    let complete!: () => void;
    this.#last = new Promise((resolve) => {
      complete = resolve;
    });
    this.#waiting++;
    this.#message?.hurry();
    await before;
    this.#waiting--;
    try {
      return await work();
    } catch (error) {
      throw withEventName(error);
    } finally {
      void this.#messageEnded().then(complete);
    }
  }

  async #messageEnded(): Promise<void> {
    const message = this.#message;
    if (message === undefined) return;
    if (this.#waiting > 0) message.hurry();
    await message.ended;
    this.#message = undefined;
  }

  /** Opens a session, if there is none. */
  async #connected(): Promise<Opened> {
    if (this.#opened !== undefined) return this.#opened;
    const client = new Pop3Client(this.#options);
    const opened: Opened = { client, texts: new Map<string, string>(), loggedIn: false };
    listenToReplies(client, (command, line) => {
      const [verb = ""] = command.split(" ", 1);
      opened.texts.set(verb, textOf(line.subarray(4)));
    });
    await client.connect();
    this.#opened = opened;
    client.on("close", (failure) => {
      this.#closed(opened, failure);
    });
    return opened;
  }

  #closed(opened: Opened, failure: Pop3Error | undefined): void {
    this.#opened = undefined;
    // Without a login there were no message numbers, and nothing is lost.
    if (failure !== undefined && opened.loggedIn)
      this.#lost = { failure, marked: opened.client.marked.size > 0 };
    if (failure !== undefined) this.emit("warn", withEventName(failure) as Pop3Error);
    this.emit("end", failure);
  }

  /** Opens a session and logs in, if that is necessary. With a message number it needs the session that has the number. */
  async #ready(command: string, number?: number): Promise<Opened> {
    if (this.#lost !== undefined && number !== undefined)
      throw this.#lost.failure.forCommand(`${command} ${String(number)}`);
    this.#lost = undefined;
    const opened = await this.#connected();
    const { client } = opened;
    if (client.state === "authorization") await this.#logIn(client);
    opened.loggedIn = true;
    return opened;
  }

  async #logIn(client: Pop3Client): Promise<void> {
    const { user } = this;
    const pass = this.#password;
    try {
      for (const [name, value] of Object.entries({ user, password: pass }))
        if (value === undefined || value === "")
          throw configError(`set the option ${printable(name)} to a non-empty string to log in`);
      await client.authenticate({ user: user as string, pass: pass as string });
    } catch (error) {
      // The next call must not find a session without a login.
      client.close();
      throw error;
    }
  }

  #text(verb: string, run: (client: Pop3Client) => Promise<unknown>): Promise<string> {
    return this.#inTurn(async () => {
      const { client, texts } = await this.#ready(verb);
      await run(client);
      return texts.get(verb) ?? "";
    });
  }

  #listing<V>(
    verb: string,
    message: number | string | undefined,
    all: (client: Pop3Client) => Promise<Map<number, V>>,
    one: (client: Pop3Client, number: number) => Promise<V>,
  ): Promise<string[][] | string[]> {
    return this.#inTurn(async () => {
      const number = optionalMessageFrom(message);
      const { client } = await this.#ready(verb, number);
      if (number !== undefined) return [String(number), String(await one(client, number))];
      return Array.from(await all(client), ([each, value]) => [String(each), String(value)]);
    });
  }

  async #command(line: string): Promise<NodePop3Answer> {
    const verb = line.split(" ", 1).join("").toUpperCase();
    const opened = this.#opened;
    if (opened === undefined) {
      if (this.#lost !== undefined) throw this.#lost.failure.forCommand(verb);
      throw withEventName(
        new Pop3Error("POP3_STATE", "there is no connection: call connect() first", { command: verb }),
        "no-socket",
      );
    }
    const { client, texts } = opened;
    const rest = line.slice(verb.length).trimStart();
    const [first = "", second = "0"] = rest.split(/ +/);
    const stream = await this.#run(client, verb, { line, rest, first, second });
    opened.loggedIn ||= client.state === "transaction";
    return [texts.get(verb) ?? "", stream];
  }

  /** Runs a command by the method that our client has for it. Resolves with the stream of a longer response. */
  async #run(
    client: Pop3Client,
    verb: string,
    { line, rest, first, second }: Readonly<Record<"line" | "rest" | "first" | "second", string>>,
  ): Promise<Readable | null> {
    switch (verb) {
      case "USER":
        await client.user(rest);
        return null;
      case "PASS":
        // A password may begin or end with spaces: only the one after PASS is not part of it.
        await client.pass(line.slice(5));
        return null;
      case "AUTH":
        await client.authenticate(authFrom(rest));
        return null;
      case "STLS":
        await client.stls();
        return null;
      case "UTF8":
        await client.utf8();
        return null;
      case "CAPA":
        return streamOf(Array.from((await client.capa()).all, (entry) => `${entry.join(" ").trimEnd()}\r\n`));
      case "LIST":
      case "UIDL": {
        const { block } = await client.command(line, { multiline: rest === "" });
        return block === undefined ? null : streamOf([block]);
      }
      case "RETR":
        return this.#hold(client.retrStream(messageFrom(first)));
      case "TOP":
        return this.#hold(streamOf([await client.top(messageFrom(first), linesFrom(second))]));
      case "DELE":
        await client.dele(messageFrom(first));
        return null;
      case "RSET":
        await client.rset();
        return null;
      case "QUIT":
        try {
          await client.quit();
        } finally {
          // The program has ended this session: the next call may open another one.
          this.#lost = undefined;
        }
        return null;
      default:
        await client.command(line);
        return null;
    }
  }

  async #hold(source: Readable): Promise<Readable> {
    const message = new HeldMessage(source);
    await message.begun();
    this.#message = message;
    return message;
  }
}

function streamOf(pieces: readonly (Buffer | string)[]): Readable {
  return Readable.from(
    pieces.filter((piece) => piece.length > 0).map((piece) => Buffer.from(piece as string)),
    { objectMode: false },
  );
}
