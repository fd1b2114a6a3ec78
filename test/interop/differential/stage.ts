// Serves cases on loopback. The user name of a login chooses the case, which may be played any number of
// times.
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import type { Peer } from "../../support/peer.ts";
import type { Case, Exchange } from "../../support/exchange.ts";

/** What a client has to do: log in, and say these lines. */
export interface Task {
  readonly case: Case;
  readonly port: number;
  readonly user: string;
  readonly lines: readonly string[];
}

const PASSWORD = "secret";
/** Who gets the messages that come in one session. */
const TOGETHER = "together";

interface Answer {
  readonly reply: string;
  readonly packet: number;
  /** Whether the server closes the connection after it, so that the client does not wait for more. */
  readonly last: boolean;
}
type Answers = Map<string, Answer>;

export class Stage implements AsyncDisposable {
  readonly password: string = PASSWORD;
  /** One for each case that has a session for itself. */
  readonly alone: Task[] = [];
  /** For all others: they are of the same user. */
  readonly together: Task[] = [];
  readonly #servers: ScriptedServer[] = [];
  readonly #answers: Map<string, Answers> = new Map<string, Answers>();

  static async open(cases: readonly Case[]): Promise<Stage> {
    const stage = new Stage();
    const { port } = await stage.#listen("+OK\r\n");
    for (const [index, each] of cases.entries()) {
      const [greeting, login] = each.exchanges;
      const own =
        greeting?.command === "greeting"
          ? await stage.#listen(greeting.reply, login?.reply === "")
          : undefined;
      stage.#add(each, index + 1, own?.port ?? port);
    }
    stage.#announceSizes();
    return stage;
  }

  #add(each: Case, number: number, port: number): void {
    const together = each.message !== undefined;
    const user = together ? TOGETHER : `case-${number}`;
    const answers = this.#answers.get(user) ?? new Map<string, Answer>();
    this.#answers.set(user, answers);
    const asked = each.exchanges.filter(({ command }) => command !== "greeting" && command !== "login");
    const lines = asked.map((exchange, index) => {
      const line = lineOf(exchange, together ? answers.size + 1 : index + 1);
      const last = !together && index === asked.length - 1;
      answers.set(line, { reply: exchange.reply, packet: each.packet ?? Infinity, last });
      return line;
    });
    (together ? this.together : this.alone).push({ case: each, port, user, lines });
  }

  /** LIST of the messages that come together. */
  #announceSizes(): void {
    const lines = this.together.map((task, index) => `${index + 1} ${task.case.message?.length ?? 0}\r\n`);
    const reply = `+OK\r\n${lines.join("")}.\r\n`;
    this.#answers.get(TOGETHER)?.set("LIST", { reply, packet: Infinity, last: false });
  }

  async #listen(greeting: string, over = false): Promise<ScriptedServer> {
    const server = await ScriptedServer.listen(async (peer) => {
      await peer.send(greeting);
      if (over) peer.end();
      else await this.#serve(peer);
    });
    this.#servers.push(server);
    return server;
  }

  async #serve(peer: Peer): Promise<void> {
    let answers: Answers | undefined;
    for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
      const [verb = "", name = ""] = line.split(" ");
      // Some clients use APOP if the greeting has a timestamp.
      if (verb === "USER" || verb === "APOP") answers = this.#answers.get(name);
      const answer = answers?.get(line);
      if (verb === "CAPA") await peer.send("+OK\r\nUSER\r\nPIPELINING\r\n.\r\n");
      else if (answer === undefined) await peer.send("+OK\r\n");
      else await play(peer, answer);
      if (verb === "QUIT" || answer?.last === true) {
        peer.end();
        return;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }
}

function lineOf({ command }: Exchange, number: number): string {
  return command === "RETR" ? `RETR ${number}` : command;
}

async function play(peer: Peer, { reply, packet }: Answer): Promise<void> {
  const octets = Buffer.from(reply, "latin1");
  for (let at = 0; at < octets.length; at += packet) {
    // All of a small reply goes out by one write, and is read by one read.
    await peer.send(octets.subarray(at, at + packet));
    if (packet < octets.length) await turns();
  }
}
