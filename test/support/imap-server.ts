// A small IMAP server in memory, which can lose the connection at each step of an APPEND. One user, one password.
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

const IMAP_USER = "ann";
export const IMAP_PASSWORD = "imap-secret-4711";

interface StoredMessage {
  readonly uid: number;
  readonly octets: Buffer;
  readonly flags: string;
  /** As in the command. */
  readonly date: string | undefined;
}

export interface ImapFolder {
  validity: number;
  next: number;
  messages: StoredMessage[];
}

/**
 * Where an APPEND ends. Nothing is stored before `"before OK"`. `"late"`: the connection is lost, and the message is stored
 * by {@link ImapServer.arrive}.
 */
export type AppendFault =
  | "before +"
  | "in the literal"
  | "late"
  | "before OK"
  | "within OK"
  | "BYE"
  | "silence"
  | "still here"
  | { readonly reply: string };

export interface ImapServerOptions {
  /** @default ["UIDPLUS", "QUOTA", "UNSELECT"] */
  readonly capabilities?: readonly string[];
  /** Whether STATUS has UIDNEXT. @default true */
  readonly uidNext?: boolean;
  /** Folders that exist. @default ["INBOX"] */
  readonly folders?: readonly string[];
  /** Bytes of the quota. @default none */
  readonly quota?: number;
}

export class ImapServer {
  readonly folders: Map<string, ImapFolder> = new Map();
  /** The faults of the next APPEND commands, in order. `undefined`: none. */
  readonly faults: (AppendFault | undefined)[] = [];
  /** The commands, without tags and literals. */
  readonly commands: string[] = [];
  /** What to answer to a command instead of what is usual, by its name. An empty text: no answer. */
  readonly replies: Map<string, string> = new Map();
  /** Returns the answer to an APPEND that is refused. */
  refuse: (octets: Buffer) => string | undefined = () => undefined;
  /** Called when a message was stored. */
  stored: (folder: ImapFolder) => void = () => undefined;
  /** Called when a fault has ended a connection. */
  lost: () => unknown = () => undefined;
  /** The number of connections that were open at the same time, at most. */
  most = 0;
  readonly #options: ImapServerOptions;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  readonly #late: (() => void)[] = [];

  private constructor(options: ImapServerOptions) {
    this.#options = options;
    for (const name of options.folders ?? ["INBOX"]) this.create(name);
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      this.most = Math.max(this.most, this.open);
      socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
      new Connection(socket, this, options);
    });
  }

  static async listen(options: ImapServerOptions = {}): Promise<ImapServer> {
    const server = new ImapServer(options);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The number of open connections. */
  get open(): number {
    return this.#sockets.size;
  }

  /** The URL of a folder. */
  url(folder = "INBOX"): string {
    return `imap://${IMAP_USER}@127.0.0.1:${this.port}/${encodeURIComponent(folder)}`;
  }

  create(name: string): ImapFolder {
    const folder = { validity: 1000 + this.folders.size, next: 1, messages: [] };
    this.folders.set(name, folder);
    return folder;
  }

  messages(name = "INBOX"): Buffer[] {
    return (this.folders.get(name)?.messages ?? []).map(({ octets }) => octets);
  }

  /** How many commands of this name came. */
  count(name: string): number {
    return this.commands.filter((command) => command.startsWith(name)).length;
  }

  /** Stores what is still on its way. */
  arrive(): void {
    for (const store of this.#late.splice(0)) store();
  }

  later(store: () => void): void {
    this.#late.push(store);
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Accepts no connections until {@link up}. */
  async down(): Promise<number> {
    const { port } = this;
    this.cut();
    await this.close();
    return port;
  }

  async up(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get quota(): number | undefined {
    return this.#options.quota;
  }
}

const LITERAL = /\{(\d+)(\+?)\}$/;

class Connection {
  readonly #socket: Socket;
  readonly #server: ImapServer;
  readonly #options: ImapServerOptions;
  #input = Buffer.alloc(0);
  /** The lines of the command until now, and its literals. */
  #text = "";
  #literals: Buffer[] = [];
  #wanted: number | undefined;
  #selected: ImapFolder | undefined;
  #fault: AppendFault | undefined;
  #isSilent = false;

  constructor(socket: Socket, server: ImapServer, options: ImapServerOptions) {
    this.#socket = socket;
    this.#server = server;
    this.#options = options;
    socket.on("data", (octets: Buffer) => {
      this.#input = Buffer.concat([this.#input, octets]);
      this.#read();
    });
    const greeting = server.replies.get("greeting");
    if (greeting !== undefined) socket.end(`${greeting}\r\n`);
    else this.#send(`* OK [CAPABILITY ${this.#capabilities}] ready`);
  }

  get #capabilities(): string {
    return ["IMAP4rev1", ...(this.#options.capabilities ?? ["UIDPLUS", "QUOTA", "UNSELECT"])].join(" ");
  }

  #lose(): void {
    this.#socket.destroy();
    this.#server.lost();
  }

  #send(...lines: readonly (string | Buffer)[]): void {
    if (this.#socket.destroyed) return;
    for (const line of lines) {
      this.#socket.write(typeof line === "string" ? Buffer.from(`${line}\r\n`) : line);
    }
  }

  #read(): void {
    while (!this.#isSilent && !this.#socket.destroyed) {
      if (this.#wanted !== undefined) {
        if (this.#fault === "in the literal" && this.#input.length > 0) {
          this.#fault = undefined;
          this.#lose();
          return;
        }
        if (this.#input.length < this.#wanted) return;
        this.#literals.push(this.#input.subarray(0, this.#wanted));
        this.#input = this.#input.subarray(this.#wanted);
        this.#wanted = undefined;
      }
      const end = this.#input.indexOf("\r\n");
      if (end === -1) return;
      this.#text += this.#input.toString("utf8", 0, end);
      this.#input = this.#input.subarray(end + 2);
      const [, octets, plus] = LITERAL.exec(this.#text) ?? [];
      if (octets === undefined) {
        const [text, literals] = [this.#text, this.#literals];
        this.#text = "";
        this.#literals = [];
        this.#command(text, literals);
        continue;
      }
      this.#wanted = Number(octets);
      this.#text = this.#text.replace(LITERAL, "literal");
      if (/^\S+ APPEND /i.test(this.#text)) this.#fault = this.#server.faults.shift();
      if (this.#fault === "before +") {
        this.#lose();
        return;
      }
      if (plus === "") this.#send("+ go on");
    }
  }

  #command(text: string, literals: readonly Buffer[]): void {
    const [, tag = "*", name = "", rest = ""] = /^(\S+) (UID \S+|\S+) ?(.*)$/.exec(text) ?? [];
    const command = name.toUpperCase();
    this.#server.commands.push(`${command} ${/^(?:LOGIN|AUTHENTICATE)/.test(command) ? "" : rest}`.trim());
    const reply = this.#server.replies.get(command);
    if (reply !== undefined) {
      if (reply !== "") this.#send(`${tag} ${reply}`);
      return;
    }
    const words = wordsOf(rest);
    const [first = ""] = words;
    const folder = this.#server.folders.get(first);
    switch (command) {
      case "CAPABILITY": {
        this.#send(`* CAPABILITY ${this.#capabilities}`, `${tag} OK done`);
        return;
      }
      case "LOGIN": {
        this.#send(
          first === IMAP_USER && words[1] === IMAP_PASSWORD
            ? `${tag} OK signed in`
            : `${tag} NO [AUTHENTICATIONFAILED] wrong password ${words[1]} for ${first}`,
        );
        return;
      }
      case "LIST": {
        const wanted = words[1] ?? "";
        const found = [...this.#server.folders.keys()].filter((each) => each === wanted);
        if (wanted === "") {
          this.#send('* LIST (\\Noselect) "/" ""', `${tag} OK done`);
          return;
        }
        this.#send(...found.map((each) => `* LIST () "/" "${each}"`), `${tag} OK done`);
        return;
      }
      case "LSUB": {
        this.#send(`${tag} OK done`);
        return;
      }
      case "STATUS": {
        if (folder === undefined) {
          this.#send(`${tag} NO [NONEXISTENT] no such folder`);
          return;
        }
        const next = this.#options.uidNext === false ? "" : ` UIDNEXT ${folder.next}`;
        const items = `MESSAGES ${folder.messages.length}${next} UIDVALIDITY ${folder.validity}`;
        this.#send(`* STATUS "${first}" (${items})`, `${tag} OK done`);
        return;
      }
      case "CREATE":
        if (folder !== undefined) {
          this.#send(`${tag} NO it exists`);
          return;
        }
        this.#server.create(first);
        {
          this.#send(`${tag} OK created`);
          return;
        }
      case "SELECT":
      case "EXAMINE":
        if (folder === undefined) {
          this.#send(`${tag} NO no such folder`);
          return;
        }
        this.#selected = folder;
        {
          this.#send(
            "* FLAGS ()",
            `* ${folder.messages.length} EXISTS`,
            `* OK [UIDVALIDITY ${folder.validity}] valid`,
            `${tag} OK [READ-ONLY] open`,
          );
          return;
        }
      case "UID FETCH":
      case "FETCH": {
        this.#fetch(tag, first, rest, command === "FETCH");
        return;
      }
      case "GETQUOTAROOT": {
        const { quota } = this.#server;
        if (quota === undefined) {
          this.#send(`* QUOTAROOT "${first}"`, `${tag} OK done`);
          return;
        }
        this.#send(
          `* QUOTAROOT "${first}" root`,
          `* QUOTA root (STORAGE 0 ${Math.floor(quota / 1024)})`,
          `${tag} OK done`,
        );
        return;
      }
      case "APPEND": {
        this.#append(tag, folder, rest, literals.at(-1) ?? Buffer.alloc(0));
        return;
      }
      case "LOGOUT":
        this.#send("* BYE bye", `${tag} OK done`);
        this.#socket.end();
        return;
      default: {
        this.#send(`${tag} OK done`);
        return;
      }
    }
  }

  #append(tag: string, folder: ImapFolder | undefined, rest: string, octets: Buffer): void {
    const fault = this.#fault;
    this.#fault = undefined;
    const refusal = this.#server.refuse(octets);
    if (typeof fault === "object") {
      this.#send(`${tag} ${fault.reply}`);
      return;
    }
    if (refusal !== undefined) {
      this.#send(`${tag} ${refusal}`);
      return;
    }
    if (folder === undefined) {
      this.#send(`${tag} NO [TRYCREATE] no such folder`);
      return;
    }
    const [, flags = "", date] = /^\S+ (?:\(([^)]*)\) )?(?:"([^"]*)" )?/.exec(rest) ?? [];
    const store = (): number => {
      const uid = folder.next++;
      folder.messages.push({ uid, octets: Buffer.from(octets), flags, date });
      this.#server.stored(folder);
      return uid;
    };
    if (fault === "late") {
      this.#server.later(store);
      this.#lose();
      return;
    }
    const uid = store();
    const code = this.#capabilities.includes("UIDPLUS") ? `[APPENDUID ${folder.validity} ${uid}] ` : "";
    const ok = `${tag} OK ${code}stored`;
    if (fault === "before OK") this.#lose();
    else if (fault === "within OK" || fault === "BYE") {
      this.#socket.end(fault === "BYE" ? "* BYE shutting down\r\n" : ok.slice(0, -6));
      this.#server.lost();
    } else if (fault === "silence" || fault === "still here") {
      if (fault === "still here") this.#send("* OK still here");
      this.#isSilent = true;
    } else this.#send(ok);
  }

  #fetch(tag: string, range: string, items: string, bySequence: boolean): void {
    const messages = this.#selected?.messages ?? [];
    const highest = bySequence ? messages.length : (messages.at(-1)?.uid ?? 0);
    const isIn = (number: number): boolean =>
      range.split(",").some((part) => {
        const [from = 0, to = from] = part.split(":").map((end) => (end === "*" ? highest : Number(end)));
        return number >= Math.min(from, to) && number <= Math.max(from, to);
      });
    for (const [at, { uid, octets, flags }] of messages.entries()) {
      if (!isIn(bySequence ? at + 1 : uid)) continue;
      const parts = [`UID ${uid}`, `FLAGS (${flags})`, `RFC822.SIZE ${octets.length}`];
      if (!items.includes("BODY.PEEK[]")) this.#send(`* ${at + 1} FETCH (${parts.join(" ")})`);
      else
        this.#send(
          Buffer.from(`* ${at + 1} FETCH (${parts.join(" ")} BODY[] {${octets.length}}\r\n`),
          octets,
          Buffer.from(")\r\n"),
        );
    }
    this.#send(`${tag} OK done`);
  }
}

/** The words of a command: atoms, quoted strings, and lists as one word. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\(([^)]*)\)|(\S+)/g)].map(
    ([, quoted, list, atom]) => quoted?.replace(/\\(.)/g, "$1") ?? list ?? atom ?? "",
  );
}
