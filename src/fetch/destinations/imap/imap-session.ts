// One connection to the IMAP server, signed in: appends to the folder, and looks for messages in it.
import type { FetchMessageObject, ImapFlow, StatusObject } from "imapflow";
import { throwIfAborted } from "../../../net/failures.ts";
import { LONGEST_TIMER, untilAborted, wholeTime } from "../../../net/settle.ts";
import { authority } from "../../../net/authority.ts";
import { printable } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import { canonicalOf, type Canonical } from "./canonical.ts";
import { asRefusedSignIn } from "../refused-sign-in.ts";
import { unusable, wordsOf } from "./imap-errors.ts";
import type { ImapSettings } from "./imap-options.ts";
import { loadImapFlow } from "./load-imapflow.ts";

/** Where the folder stands. */
export interface Position {
  /** UIDVALIDITY: with another one, all UIDs are others. */
  readonly validity: string;
  /** UIDNEXT: later messages have no smaller UIDs. */
  readonly next: number;
}

/** How many messages a command fetches at most: a command line must not be too long. */
const TOGETHER = 100;

/** How many messages a server may list: with more it would fill the memory. */
const MOST_LISTED = 1_000_000;

/** More than the largest message, for the rest of a response; octets. */
const AROUND = 1024 * 1024;

export class ImapSession {
  readonly #client: ImapFlow;
  readonly #settings: ImapSettings;
  readonly #secrets: Secrets;

  private constructor(client: ImapFlow, settings: ImapSettings, secrets: Secrets) {
    this.#client = client;
    this.#settings = settings;
    this.#secrets = secrets;
  }

  /** Connects and signs in. Rejects with {@link DestinationError}, and if the signal is aborted. */
  static async open(
    settings: ImapSettings,
    secrets: Secrets,
    signal: AbortSignal | undefined,
  ): Promise<ImapSession> {
    const { host, port, user, security, secretKind, tls, timeout, limit } = settings;
    const { ImapFlow } = await loadImapFlow();
    const secret = await secretOf(settings, signal);
    secrets.add(secret);
    throwIfAborted(signal);
    const client = new ImapFlow({
      host,
      port,
      secure: security === "tls",
      ...(security !== "tls" && { doSTARTTLS: security === "starttls" }),
      auth: secretKind === "password" ? { user, pass: secret } : { user, accessToken: secret },
      tls,
      connectionTimeout: timeout,
      greetingTimeout: timeout,
      socketTimeout: timeout,
      maxLiteralSize: 2 * limit + AROUND,
      clientInfo: { name: "popwright" },
      // Its errors say what is needed. A log may have mail in it.
      logger: false,
      disableAutoIdle: true,
      disableAutoEnable: true,
    });
    // Without a listener a reset would end this process. The command that fails says the same.
    client.on("error", () => undefined);
    try {
      await untilAborted(signal, () => within(client, timeout, () => client.connect()));
      // imapflow writes the end of an APPEND after its literal. Without this it would wait for the server's ACK.
      socketOf(client)?.setNoDelay?.(true);
      return new ImapSession(client, settings, secrets);
    } catch (error) {
      client.close();
      throwIfAborted(signal);
      const failure = unusable(`cannot sign in to ${printable(authority({ host, port }))}`, error, secrets);
      const { authenticationFailed } = (error ?? {}) as { readonly authenticationFailed?: unknown };
      throw authenticationFailed === true ? asRefusedSignIn(failure) : failure;
    }
  }

  /** Whether the connection is there, as far as is known. */
  get isUsable(): boolean {
    return this.#client.usable;
  }

  /** The extensions that the server lists. */
  get capabilities(): ReadonlyMap<string, boolean | number> {
    return this.#client.capabilities;
  }

  /** Whether it keeps the process alive while nothing happens. */
  keepAlive(isBusy: boolean): void {
    const socket = socketOf(this.#client);
    if (isBusy) socket?.ref?.();
    else socket?.unref?.();
  }

  /** Tells whether the server still answers. Never rejects. */
  async answers(): Promise<boolean> {
    await this.#within(() => this.#client.noop()).catch(() => undefined);
    return this.isUsable;
  }

  /** Closes the connection. Never rejects. */
  async end(): Promise<void> {
    if (this.isUsable) await this.#within(() => this.#client.logout()).catch(() => undefined);
    this.#client.close();
  }

  /**
   * Creates the folder if it is missing. Servers answer CREATE of an existing folder in several ways, so only STATUS counts.
   * Returns whether it was created.
   */
  async ensureFolder(): Promise<boolean> {
    if ((await this.status()) !== undefined) return false;
    let refusal = "";
    try {
      await this.#within(() => this.#client.mailboxCreate([...this.#settings.folder]));
    } catch (error) {
      refusal = `: ${wordsOf(error, this.#secrets)}`;
    }
    if ((await this.status()) !== undefined) return true;
    throw new DestinationError(
      `the folder ${this.#folderName} does not exist and cannot be created${refusal}`,
      {
        down: true,
      },
    );
  }

  /** Returns where the folder stands. Rejects with {@link DestinationError} if it is not there. */
  async position(): Promise<Position> {
    const status = await this.status();
    if (status === undefined)
      throw new DestinationError(`the folder ${this.#folderName} does not exist`, { down: true });
    const { uidValidity, uidNext } = status;
    // RFC 9051 requires both; a few servers leave one out.
    return { validity: String(uidValidity ?? 0), next: uidNext ?? (await this.#highest()) + 1 };
  }

  /** Returns the status of the folder; `undefined` if it does not exist. Rejects with {@link DestinationError}. */
  async status(): Promise<StatusObject | undefined> {
    const query = { messages: true, uidNext: true, uidValidity: true };
    try {
      // `false`: imapflow found the folder after STATUS was refused. Another process may just have created it.
      const ask = (): Promise<StatusObject | false> =>
        this.#within(() => this.#client.status([...this.#settings.folder], query));
      const found = (await ask()) || (await ask());
      if (found !== false) return found;
    } catch (error) {
      if ((error as { code?: unknown }).code === "NotFound") return undefined;
      throw unusable(`cannot look at the folder ${this.#folderName}`, error, this.#secrets);
    }
    const why = this.isUsable ? "the server refuses STATUS" : "the connection was lost";
    throw new DestinationError(`cannot look at the folder ${this.#folderName}: ${why}`, { down: true });
  }

  /**
   * Appends a message. Resolves with its UID and UIDVALIDITY if the server says them. Rejects with the error of imapflow,
   * see {@link failureOf}.
   */
  async append(octets: Buffer, date: Date): Promise<{ readonly uid?: number; readonly validity?: string }> {
    const { folder, flags } = this.#settings;
    const append = (): ReturnType<ImapFlow["append"]> =>
      this.#client.append([...folder], octets, [...flags], date);
    const result = await this.#within(append, octets.length);
    if (result === false) throw new Error("not signed in");
    const { uid, uidValidity } = result;
    // Without UIDVALIDITY the UID is a guess of imapflow.
    return uid === undefined || uidValidity === undefined ? {} : { uid, validity: String(uidValidity) };
  }

  /**
   * Returns the UIDs of messages that are equal to `wanted` in the canonical form, without those in `claimed`; also of
   * messages that are marked as deleted. `seen`: called with each UID at or above `from`. The folder stays open read-only:
   * end the session afterwards.
   */
  async find(
    wanted: Canonical,
    from: number,
    claimed: ReadonlySet<number>,
    seen: (uid: number) => void,
  ): Promise<number[]> {
    try {
      return await this.#find(wanted, from, claimed, seen);
    } catch (error) {
      if (DestinationError.is(error)) throw error;
      throw unusable(`cannot look for a message in ${this.#folderName}`, error, this.#secrets);
    }
  }

  /** Returns how much the mailbox may hold, and holds; bytes. `undefined`: the server does not say. */
  async quota(): Promise<{ readonly usage: number; readonly limit: number } | undefined> {
    const ask = (): ReturnType<ImapFlow["getQuota"]> => this.#client.getQuota([...this.#settings.folder]);
    const quota = await this.#within(ask).catch(() => false as const);
    const { usage, limit } = (quota === false ? undefined : quota.storage) ?? {};
    return limit === undefined ? undefined : { usage: usage ?? 0, limit };
  }

  get #folderName(): string {
    return printable(this.#settings.folder.join("/"));
  }

  async #find(
    { digest, least, most }: Canonical,
    from: number,
    claimed: ReadonlySet<number>,
    seen: (uid: number) => void,
  ): Promise<number[]> {
    await this.#openFolder();
    const alike: number[] = [];
    let listed = 0;
    await this.#each(`${from}:*`, { uid: true, size: true }, 0, ({ uid, size = least }) => {
      if (++listed > MOST_LISTED)
        throw new DestinationError(`the folder ${this.#folderName} lists more than ${MOST_LISTED} messages`, {
          down: true,
        });
      // `*` is the last message, also if its UID is smaller.
      if (uid < from) return;
      seen(uid);
      if (!claimed.has(uid) && size >= least && size <= most) alike.push(uid);
    });
    const equal: number[] = [];
    for (let at = 0; at < alike.length; at += TOGETHER) {
      const some = alike.slice(at, at + TOGETHER);
      const octets = some.length * most;
      await this.#each(some.join(","), { uid: true, source: true }, octets, ({ uid, source }) => {
        if (source !== undefined && canonicalOf(source).digest === digest) equal.push(uid);
      });
    }
    return equal;
  }

  /** The highest UID in the folder: that of its last message. */
  async #highest(): Promise<number> {
    try {
      const { exists } = await this.#openFolder();
      if (exists === 0) return 0;
      const last = await this.#within(() => this.#client.fetchOne(exists, { uid: true }));
      return last === false ? 0 : last.uid;
    } catch (error) {
      throw unusable(`cannot look at the folder ${this.#folderName}`, error, this.#secrets);
    }
  }

  #openFolder(): ReturnType<ImapFlow["mailboxOpen"]> {
    return this.#within(() => this.#client.mailboxOpen([...this.#settings.folder], { readOnly: true }));
  }

  /** Calls `take` with each message of a range. `octets`: their size. If `take` throws, the connection is closed. */
  async #each(
    range: string,
    query: Parameters<ImapFlow["fetch"]>[1],
    octets: number,
    take: (message: FetchMessageObject) => void,
  ): Promise<void> {
    const { mailbox } = this.#client;
    if (mailbox === false || mailbox.exists === 0) return;
    await this.#within(async () => {
      try {
        for await (const message of this.#client.fetch(range, query, { uid: true })) take(message);
      } catch (error) {
        if (DestinationError.is(error)) this.#client.close();
        throw error;
      }
    }, octets);
  }

  /** Calls `work`, and closes the connection if it takes too long. `octets`: the size of what is sent. */
  #within<T>(work: () => Promise<T>, octets?: number): Promise<T> {
    return within(this.#client, this.#settings.timeout, work, octets);
  }
}

/** imapflow's own clock starts again with each byte, and a server may say for ever that it is still there. */
async function within<T>(
  client: ImapFlow,
  timeout: number,
  work: () => Promise<T>,
  octets?: number,
): Promise<T> {
  const time = wholeTime(timeout, octets);
  const timer =
    time > LONGEST_TIMER
      ? undefined
      : setTimeout(() => {
          client.close();
        }, time);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the password or the token. Its function may take as long as it needs. */
async function secretOf(
  { secret, secretKind }: ImapSettings,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (typeof secret === "string") return secret;
  let given: unknown;
  try {
    given = await untilAborted(signal, secret);
  } catch (cause) {
    throwIfAborted(signal);
    throw new DestinationError(`the function imap.auth.${secretKind} failed`, { cause, down: true });
  }
  if (typeof given === "string" && given !== "") return given;
  throw new DestinationError(`the function imap.auth.${secretKind} must return a non-empty string`, {
    down: true,
  });
}

interface SocketLike {
  ref?(): unknown;
  unref?(): unknown;
  setNoDelay?(on: boolean): unknown;
}

/** The client's connection. imapflow has no methods for what is needed of it. */
function socketOf(client: ImapFlow): SocketLike | undefined {
  return (client as { readonly socket?: SocketLike }).socket;
}
