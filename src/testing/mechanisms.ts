// The server's side of the SASL mechanisms (RFC 4422): each a function that gives challenges and takes responses.
import type { Account, Accounts } from "./accounts.ts";

/** One way to authenticate with AUTH (RFC 5034). */
export interface ServerMechanism {
  /** As CAPA lists it, in upper case. */
  readonly name: string;
  /** Whether the client may answer the first challenge, which tells it nothing, before it is sent. */
  readonly initialResponse: boolean;
  /**
   * Yields challenges, is resumed with responses, and returns who has logged in, or `undefined` for nobody. An
   * initial response answers the first challenge, which is not sent then.
   */
  exchange(accounts: Accounts): Exchange;
}

export type Exchange = Generator<Buffer, Account | undefined, Buffer>;

const EMPTY: Buffer = Buffer.alloc(0);
const NUL = 0;

/** RFC 4616: `[authzid] NUL authcid NUL passwd`. Nobody may act for another here. */
const plain: ServerMechanism = {
  name: "PLAIN",
  initialResponse: true,
  *exchange(accounts) {
    const response = yield EMPTY;
    const first = response.indexOf(NUL);
    const second = response.indexOf(NUL, first + 1);
    if (first === -1 || second === -1 || response.includes(NUL, second + 1)) return undefined;
    const authorize = response.toString("utf8", 0, first);
    const name = response.toString("utf8", first + 1, second);
    if (authorize !== "" && authorize !== name) return undefined;
    return accounts.verify(name, response.toString("utf8", second + 1));
  },
};

/** draft-murchison-sasl-login: two prompts. Many clients send the name as initial response. */
const login: ServerMechanism = {
  name: "LOGIN",
  initialResponse: true,
  *exchange(accounts) {
    const name = yield Buffer.from("Username:", "latin1");
    const pass = yield Buffer.from("Password:", "latin1");
    return accounts.verify(name.toString("utf8"), pass.toString("utf8"));
  },
};

/** Those that an option can name. */
export const MECHANISMS: ReadonlyMap<string, ServerMechanism> = new Map(
  [plain, login].map((mechanism) => [mechanism.name, mechanism]),
);
