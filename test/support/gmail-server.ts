// A Gmail of our own, on loopback: the parts of its API with which mail is put into an account, as Google documents them, and
// faults as data. It recognises imported messages by their Message-ID, and counts requests and quota units.
//
// It is also a program, for trying the command line:
//   node --import tsx test/support/gmail-server.ts --port 8025 --address ann@gmail.com
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { IdentityProvider, idToken } from "./identity-provider.ts";

/** What a request asks for. `part`: bytes of a message in an upload session. `question`: what the session has. */
export type GmailCall =
  | "userinfo"
  | "profile"
  | "labels"
  | "create-label"
  | "list"
  | "get"
  | "upload"
  | "start"
  | "part"
  | "question"
  | "cancel";

/** The quota units of Google's table. Parts of a session are not in it: the message counts when it is accepted. */
const UNITS: Readonly<Partial<Record<GmailCall, number>>> = {
  profile: 1,
  labels: 1,
  "create-label": 5,
  list: 5,
  get: 20,
};
const UNITS_OF_MESSAGE = 25;

/** What goes wrong, once. */
export interface GmailFault {
  /** @default any */
  readonly on?: GmailCall;
  /** The n-th request of this kind from now on. @default 1 */
  readonly nth?: number;
  /** How many requests in a row. @default 1 */
  readonly times?: number;
  /** Answers with this status, and carries nothing out. */
  readonly status?: number;
  /** The reason in the answer. */
  readonly reason?: string;
  /** The words in the answer. */
  readonly message?: string;
  /** The field of the answer. */
  readonly retryAfter?: string;
  /** Closes the connection before or after the request was carried out. `"stall"`: never answers. */
  readonly cut?: "before" | "after" | "stall";
  /** How many bytes of a part are kept, of one that is not carried out. @default 0 */
  readonly kept?: number;
  /** Called before anything else happens. */
  readonly then?: () => void;
}

export type GmailScope = "insert" | "labels" | "email" | "read";

export interface GmailServerOptions {
  /** @default "ann@gmail.com" */
  readonly address?: string;
  /** What the tokens allow. @default insert, labels and email: what `popwright login` asks for */
  readonly scopes?: readonly GmailScope[];
  /** Refuses what Gmail refuses: not one From field, an empty message, a program as an attachment. @default true */
  readonly strict?: boolean;
  /** Called for each message that was accepted. */
  readonly onMessage?: (message: StoredMessage) => void;
}

export interface StoredMessage {
  readonly id: string;
  readonly octets: Buffer;
  readonly labelIds: string[];
  readonly method: "import" | "insert";
  readonly parameters: Readonly<Record<string, string>>;
  /** How often it was imported again. */
  again: number;
}

export interface RecordedRequest {
  readonly call: GmailCall;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

interface Session {
  readonly size: number | undefined;
  readonly labelIds: readonly string[];
  readonly method: "import" | "insert";
  readonly parameters: Readonly<Record<string, string>>;
  received: Buffer;
  /** The answer, once the message was accepted or refused. */
  answer: Answer | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
}

const SYSTEM = ["INBOX", "UNREAD", "STARRED", "IMPORTANT", "SPAM", "TRASH", "SENT", "DRAFT"];

export class GmailServer implements AsyncDisposable {
  readonly messages: StoredMessage[] = [];
  readonly requests: RecordedRequest[] = [];
  readonly faults: GmailFault[] = [];
  /** Tokens that are not accepted. */
  readonly revoked: Set<string> = new Set();
  /** Labels of the user: the name of each id. */
  readonly labels: Map<string, string> = new Map();
  /** Quota units that were used. */
  units = 0;
  /** The most requests that were there at the same time. */
  mostAtOnce = 0;
  address: string;
  scopes: ReadonlySet<GmailScope>;
  readonly #strict: boolean;
  readonly #onMessage: GmailServerOptions["onMessage"];
  readonly #server: Server;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #passed: Map<GmailFault, number> = new Map();
  #now = 0;

  private constructor(options: GmailServerOptions) {
    this.address = options.address ?? "ann@gmail.com";
    this.scopes = new Set(options.scopes ?? ["insert", "labels", "email"]);
    this.#strict = options.strict ?? true;
    this.#onMessage = options.onMessage;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async listen(options: GmailServerOptions = {}, port = 0): Promise<GmailServer> {
    const server = new GmailServer(options);
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests of a kind there were. */
  count(call: GmailCall): number {
    return this.requests.filter((request) => request.call === call).length;
  }

  /** Forgets all upload sessions, as Google does after a week. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    response.once("close", () => this.#now--);
    const url = new URL(request.url ?? "/", this.url);
    const body = await buffer(request);
    const call = callOf(request, url, body);
    if (call === undefined) {
      send(response, failure(404, "notFound", "Not Found"));
      return;
    }
    this.requests.push({ call, url, headers: request.headers, body });
    const fault = this.#faultOf(call);
    fault?.then?.();
    if (fault?.cut === "stall") return;
    if (fault?.kept !== undefined) this.#receive(url, request, body.subarray(0, fault.kept));
    if (fault?.status !== undefined) {
      const { status, reason = "backendError", message = "Backend Error", retryAfter } = fault;
      const headers: Record<string, string> = retryAfter === undefined ? {} : { "retry-after": retryAfter };
      send(response, { ...failure(status, reason, message), headers });
      return;
    }
    if (fault?.cut === "before") {
      response.destroy();
      return;
    }
    const answer = this.#refusal(call, request) ?? this.#answer(call, request, url, body);
    this.units += UNITS[call] ?? 0;
    if (fault?.cut === "after") response.destroy();
    else send(response, answer);
  }

  #faultOf(call: GmailCall): GmailFault | undefined {
    for (const fault of this.faults) {
      if (fault.on !== undefined && fault.on !== call) continue;
      const nth = (this.#passed.get(fault) ?? 0) + 1;
      this.#passed.set(fault, nth);
      const first = fault.nth ?? 1;
      if (nth >= first && nth < first + (fault.times ?? 1)) return fault;
    }
    return undefined;
  }

  #refusal(call: GmailCall, request: IncomingMessage): Answer | undefined {
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    const unauthenticated = failure(401, "authError", "Request had invalid authentication credentials.");
    if (token === undefined || this.revoked.has(token)) return unauthenticated;
    const needed: Partial<Record<GmailCall, GmailScope>> = {
      userinfo: "email",
      profile: "read",
      labels: "labels",
      "create-label": "labels",
      list: "read",
      get: "read",
    };
    const scope = needed[call] ?? "insert";
    if (this.scopes.has(scope)) return undefined;
    // As Google answers there.
    if (call === "userinfo") return unauthenticated;
    return failure(403, "insufficientPermissions", "Request had insufficient authentication scopes.");
  }

  #answer(call: GmailCall, request: IncomingMessage, url: URL, body: Buffer): Answer {
    const { address } = this;
    switch (call) {
      case "userinfo":
        return { status: 200, json: { sub: "1", email: address, email_verified: true } };
      case "profile":
        return { status: 200, json: { emailAddress: address, messagesTotal: this.messages.length } };
      case "labels":
        return {
          status: 200,
          json: {
            labels: [
              ...SYSTEM.map((id) => ({ id, name: id, type: "system" })),
              ...[...this.labels].map(([id, name]) => ({ id, name, type: "user" })),
            ],
          },
        };
      case "create-label":
        return this.#createLabel((JSON.parse(body.toString()) as { name: string }).name);
      case "list":
        return this.#list(url);
      case "get":
        return this.#get(url);
      case "upload":
        return this.#upload(request, url, body);
      case "start":
        return this.#start(request, url, body);
      case "part":
        return this.#receive(url, request, body);
      case "question":
        return this.#receive(url, request, Buffer.alloc(0));
      case "cancel":
        this.#sessions.delete(url.searchParams.get("upload_id") ?? "");
        return { status: 499 };
    }
  }

  #createLabel(name: string): Answer {
    const taken = [...SYSTEM, ...this.labels.values()].some(
      (other) => other.toLowerCase() === name.toLowerCase(),
    );
    if (taken) return failure(409, "aborted", "Label name exists or conflicts");
    const id = `Label_${this.labels.size + 1}`;
    this.labels.set(id, name);
    return { status: 200, json: { id, name } };
  }

  #list(url: URL): Answer {
    const [, wanted] = /^rfc822msgid:(\S+)$/.exec(url.searchParams.get("q") ?? "") ?? [];
    const labels = url.searchParams.getAll("labelIds");
    const found = this.messages.filter(
      ({ octets, labelIds }) =>
        (wanted === undefined || messageIdOf(octets) === wanted) &&
        labels.every((id) => labelIds.includes(id)),
    );
    const listed = found.map(({ id }) => ({ id, threadId: id }));
    return { status: 200, json: listed.length === 0 ? { resultSizeEstimate: 0 } : { messages: listed } };
  }

  #get(url: URL): Answer {
    const id = url.pathname.split("/").at(-1);
    const message = this.messages.find((each) => each.id === id);
    if (message === undefined) return failure(404, "notFound", "Requested entity was not found.");
    const raw = message.octets.toString("base64url");
    return { status: 200, json: { id, labelIds: message.labelIds, raw } };
  }

  /** A simple upload, or one in parts of MIME (`multipart/related`: JSON and the message). */
  #upload(request: IncomingMessage, url: URL, body: Buffer): Answer {
    const method = methodOf(url);
    const parameters = Object.fromEntries(url.searchParams);
    if (url.searchParams.get("uploadType") === "media") return this.#accept(body, [], method, parameters);
    const [, boundary = ""] = /boundary="?([^";]+)/.exec(request.headers["content-type"] ?? "") ?? [];
    const text = body.toString("latin1");
    const [, first = "", second = ""] = text.split(`--${boundary}`);
    const contentOf = (part: string): string => part.slice(part.indexOf("\r\n\r\n") + 4).replace(/\r\n$/, "");
    const { labelIds = [] } = JSON.parse(contentOf(first)) as { labelIds?: string[] };
    return (
      this.#unknownLabel(labelIds) ??
      this.#accept(Buffer.from(contentOf(second), "latin1"), labelIds, method, parameters)
    );
  }

  #start({ headers }: IncomingMessage, url: URL, body: Buffer): Answer {
    const { labelIds = [] } = (body.length === 0 ? {} : JSON.parse(body.toString())) as {
      labelIds?: string[];
    };
    const unknown = this.#unknownLabel(labelIds);
    if (unknown !== undefined) return unknown;
    const id = `secret-${randomBytes(12).toString("hex")}`;
    const length = headers["x-upload-content-length"];
    this.#sessions.set(id, {
      size: length === undefined ? undefined : Number(length),
      labelIds,
      method: methodOf(url),
      parameters: Object.fromEntries(url.searchParams),
      received: Buffer.alloc(0),
      answer: undefined,
    });
    const location = new URL(`${url.pathname}?uploadType=resumable&upload_id=${id}`, this.url).href;
    return { status: 200, headers: { location } };
  }

  #unknownLabel(labelIds: readonly string[]): Answer | undefined {
    const unknown = labelIds.find((id) => !SYSTEM.includes(id) && !this.labels.has(id));
    return unknown === undefined
      ? undefined
      : failure(400, "invalidArgument", `labelId not found: ${unknown}`);
  }

  /** Takes bytes of a session, or tells what it has. */
  #receive(url: URL, { headers }: IncomingMessage, body: Buffer): Answer {
    const session = this.#sessions.get(url.searchParams.get("upload_id") ?? "");
    if (session === undefined) return failure(404, "notFound", "Not Found");
    if (session.answer !== undefined) return session.answer;
    const [, at, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
    if (total === undefined) return failure(400, "badRequest", "Failed to parse Content-Range header.");
    if (at !== undefined) {
      if (Number(at) > session.received.length) return failure(503, "backendError", "Backend Error");
      session.received = Buffer.concat([session.received.subarray(0, Number(at)), body]);
      // All but the last part come in multiples of 256 KiB; of another length only these are kept.
      if (session.received.length < Number(total))
        session.received = session.received.subarray(
          0,
          session.received.length - (session.received.length % (256 * 1024)),
        );
    }
    if (session.received.length < Number(total)) {
      const { length } = session.received;
      return { status: 308, headers: length === 0 ? {} : { range: `bytes=0-${length - 1}` } };
    }
    const { received, labelIds, method, parameters } = session;
    session.answer = this.#accept(received, labelIds, method, parameters);
    session.received = Buffer.alloc(0);
    return session.answer;
  }

  #accept(
    octets: Buffer,
    labelIds: readonly string[],
    method: "import" | "insert",
    parameters: Readonly<Record<string, string>>,
  ): Answer {
    const refused = this.#strict ? refusalOf(octets, method) : undefined;
    if (refused !== undefined) return refused;
    this.units += UNITS_OF_MESSAGE;
    const messageId = messageIdOf(octets);
    const same =
      method === "insert" || messageId === undefined
        ? undefined
        : this.messages.find((message) => messageIdOf(message.octets) === messageId);
    if (same !== undefined) {
      same.again++;
      for (const id of labelIds) if (!same.labelIds.includes(id)) same.labelIds.push(id);
      return { status: 200, json: { id: same.id, labelIds: same.labelIds } };
    }
    const id = (this.messages.length + 0x18c0).toString(16).padStart(16, "0");
    const message = {
      id,
      octets: Buffer.from(octets),
      labelIds: [...labelIds],
      method,
      parameters,
      again: 0,
    };
    this.messages.push(message);
    this.#onMessage?.(message);
    return { status: 200, json: { id, threadId: id, labelIds } };
  }
}

function callOf({ method, headers }: IncomingMessage, url: URL, body: Buffer): GmailCall | undefined {
  const { pathname, searchParams } = url;
  const key = `${method} ${pathname}`;
  if (key === "GET /v1/userinfo") return "userinfo";
  const [, prefix, path = ""] = /^\w+ (\/upload)?\/gmail\/v1\/users\/me\/(.*)$/.exec(key) ?? [];
  if (prefix !== undefined) {
    if (!/^messages(?:\/import)?$/.test(path)) return undefined;
    if (method === "POST") return searchParams.get("uploadType") === "resumable" ? "start" : "upload";
    if (method === "DELETE") return "cancel";
    // An empty message has no bytes that its question lacks.
    if (method !== "PUT") return undefined;
    return body.length === 0 && headers["content-type"] === undefined ? "question" : "part";
  }
  if (method === "POST") return path === "labels" ? "create-label" : undefined;
  if (method !== "GET") return undefined;
  if (path === "profile" || path === "labels") return path;
  if (path === "messages") return "list";
  return /^messages\/\w+$/.test(path) ? "get" : undefined;
}

function methodOf({ pathname }: URL): "import" | "insert" {
  return pathname.endsWith("/import") ? "import" : "insert";
}

/** In the form of Google's errors. */
function failure(code: number, reason: string, message: string): Answer {
  const status: Record<number, string> = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
  };
  const errors = [{ message, domain: "global", reason }];
  return { status: code, json: { error: { code, message, errors, status: status[code] ?? "UNKNOWN" } } };
}

function send(response: ServerResponse, { status, headers = {}, json }: Answer): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  response.end(json === undefined ? "" : JSON.stringify(json));
}

function headersOf(octets: Buffer): string {
  return octets.toString("latin1").split(/\r?\n\r?\n/, 1)[0] ?? "";
}

function messageIdOf(octets: Buffer): string | undefined {
  return /^message-id:\s*<([^>\s]+)>/im.exec(headersOf(octets))?.[1];
}

/** What Gmail refuses by its content. */
function refusalOf(octets: Buffer, method: "import" | "insert"): Answer | undefined {
  if (octets.length === 0) return failure(400, "invalidArgument", "Bad Request");
  const from = headersOf(octets).match(/^from:/gim)?.length ?? 0;
  if (method === "import" && from !== 1)
    return failure(400, "invalidArgument", "Expected a single 'From' header");
  return /name="?[^"\r\n]+\.exe\b/i.test(octets.toString("latin1"))
    ? failure(400, "invalidArgument", "Invalid attachment")
    : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      address: { type: "string", default: "ann@gmail.com" },
    },
  });
  const { address } = values;
  const server = await GmailServer.listen(
    {
      address,
      scopes: ["insert", "labels", "email", "read"],
      onMessage({ id, octets, labelIds }) {
        const subject = /^subject:(.*)/im.exec(headersOf(octets))?.[1]?.trim() ?? "(no subject)";
        console.log(`${id} ${octets.length} bytes, ${labelIds.join(" ")}: ${JSON.stringify(subject)}`);
      },
    },
    Number(values.port),
  );
  const provider = await IdentityProvider.listen((_, nth, signIn = {}) => ({
    access_token: `access-${nth}`,
    expires_in: 3600,
    token_type: "Bearer",
    refresh_token: "refresh-1",
    id_token: idToken({ aud: signIn["client_id"], nonce: signIn["nonce"], email: address }),
  }));
  console.log(`Gmail API for ${address}: ${server.url} (any access token is accepted)`);
  console.log(`sign-in: popwright login google ${address} --for gmail-api --authority ${provider.url}`);
}
