// One session of the soak, from connect to its end: each call settles with the right answer or a code that may be,
// and the server has deleted what QUIT committed, and nothing else.
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import { Pop3Client, Pop3Error, type CallOptions, type Pop3ClientOptions } from "popwright";
import type { Pop3Server, StoredMessage } from "popwright/testing";
import type { Random } from "../../bench/random.ts";
import { DEEDS, QUESTIONS, WrongAnswer, type Call, type Maildrop } from "./calls.ts";

export interface Setting {
  readonly server: Pop3Server;
  readonly user: string;
  readonly options: Pop3ClientOptions;
  /** Is to be seen nowhere but on the wire. */
  readonly secret: string;
  /** What calls may fail with. */
  readonly codes: readonly string[];
  readonly random: Random;
  /** A signal that lasts longer than all sessions: they must leave no listener on it. */
  readonly lasting: AbortSignal;
}

/** What has become of the calls. */
export interface Tally {
  /** Sessions that QUIT has ended as it should. */
  whole: number;
  /** Calls. */
  resolved: number;
  readonly failed: Map<string, number>;
}

/** Longer than any session takes, however busy the machine; milliseconds. */
const HANGING = 900_000;

export async function runSession(setting: Setting, tally: Tally): Promise<void> {
  const { server, user } = setting;
  await server.idle();
  const before = server.maildrop(user).messages;
  const client = new Pop3Client(setting.options);
  let closings = 0;
  client.on("close", () => closings++);
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs; ${lastWords(server)}`)), HANGING);
  });
  try {
    const session = new Session(client, setting, before, tally);
    await Promise.race([session.run(), hangs]);
    await Promise.race([server.idle(), hangs]);
    if (closings !== (session.connected ? 1 : 0)) throw new Error(`${closings} times closed`);
    session.expectMaildrop(server.maildrop(user).messages);
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

class Session {
  connected = false;
  readonly #client: Pop3Client;
  readonly #setting: Setting;
  readonly #before: readonly StoredMessage[];
  readonly #maildrop: Maildrop;
  readonly #tally: Tally;
  readonly #allowed: Set<string>;
  /** Whether QUIT was carried out. */
  #committed: "yes" | "no" | "perhaps" = "no";

  constructor(client: Pop3Client, setting: Setting, before: readonly StoredMessage[], tally: Tally) {
    this.#client = client;
    this.#setting = setting;
    this.#before = before;
    this.#maildrop = { messages: before, uncertain: new Set() };
    this.#tally = tally;
    this.#allowed = new Set(setting.codes);
  }

  async run(): Promise<void> {
    const { random } = this.#setting;
    const client = this.#client;
    this.connected =
      (await this.#ask((_client, _maildrop, _random, options) => client.connect(options))) === "ok";
    if (this.connected) {
      for (let left = 1 + random.below(6); left > 0; left--) {
        await this.#ask(random.of(random.below(3) === 0 ? DEEDS : QUESTIONS));
      }
    }
    await this.#end();
  }

  async #end(): Promise<void> {
    const client = this.#client;
    const way = this.#setting.random.below(10);
    if (way < 7) {
      const code = await this.#ask(
        (_client, _maildrop, _random, options) => client.quit(options),
        ["POP3_COMMIT_UNKNOWN"],
      );
      if (code === "ok") {
        this.#committed = "yes";
        this.#tally.whole++;
      } else if (code === "POP3_COMMIT_UNKNOWN" || code === "POP3_ABORTED") this.#committed = "perhaps";
      if (code === "POP3_ABORTED") client.close();
    } else if (way < 9) {
      await client[Symbol.asyncDispose]();
      // It does not wait for long.
      this.#allowed.add("POP3_ABANDONED");
    } else client.close();
    // After the end every call fails, at once.
    this.#allowed.add("POP3_CLOSED").add("POP3_STATE");
    if ((await this.#ask((each) => each.noop(), [], false)) === "ok")
      throw new Error("an answer after the end");
  }

  /** Makes a call; it may be given up. Resolves with `ok` or the code of its error, which has to be one that may be. */
  async #ask(call: Call, also: readonly string[] = [], mayAbort = true): Promise<string> {
    const { random, lasting } = this.#setting;
    let options: CallOptions = random.below(4) === 0 ? { signal: lasting } : {};
    if (mayAbort && random.below(8) === 0) {
      const controller = new AbortController();
      options = { signal: controller.signal };
      void turns(random.below(12)).then(() => controller.abort());
      // Its response may be too much, or too late, to be read to its end. In the middle of a login or of QUIT it ends the
      // session: the calls after it were not aborted, and find the session closed.
      this.#allowed.add("POP3_ABANDONED").add("POP3_ABORTED").add("POP3_CLOSED");
    }
    const code = await this.#codeOf(call(this.#client, this.#maildrop, random, options));
    if (code !== "ok" && !this.#allowed.has(code) && !also.includes(code))
      throw new Error(
        `${code} is not to be, but ${this.#setting.codes.join(", ")}; ${lastWords(this.#setting.server)}`,
      );
    return code;
  }

  async #codeOf(call: Promise<void>): Promise<string> {
    try {
      await call;
      this.#tally.resolved++;
      return "ok";
    } catch (error) {
      if (error instanceof WrongAnswer || !Pop3Error.is(error)) throw error;
      if (inspect(error, { depth: 8 }).includes(this.#setting.secret))
        throw new Error("an error has the secret in it", { cause: error });
      const { failed } = this.#tally;
      failed.set(error.code, (failed.get(error.code) ?? 0) + 1);
      return error.code;
    }
  }

  /** Whatever has happened, the marked messages are gone after QUIT, and all others are there. */
  expectMaildrop(after: readonly StoredMessage[]): void {
    const { marked } = this.#client;
    const committed = this.#before.filter((_, index) => !marked.has(index + 1));
    const possible = { yes: [committed], no: [this.#before], perhaps: [committed, this.#before] }[
      this.#committed
    ];
    const uids = (messages: readonly StoredMessage[]): string => messages.map(({ uid }) => uid).join(" ");
    if (!possible.some((messages) => uids(messages) === uids(after)))
      throw new Error(`the maildrop holds ${uids(after)}, not ${possible.map(uids).join(", or ")}`);
  }
}

/** What was said last, for people to find out why. */
function lastWords({ transcript }: Pop3Server): string {
  return transcript.lines.slice(-12).join(" | ");
}

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}
