// Waits on loopback for the browser that comes back from the sign-in page (RFC 8252 section 7.3). It takes one answer, and
// only with the state that was sent to the page: another page or program on this machine cannot end the sign-in.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How long the last page may take to reach the browser, in milliseconds. */
const LAST_PAGE = 2000;

/** The answer of the sign-in page: `code`, or `error`. */
export type RedirectAnswer = Readonly<Partial<Record<string, string>>>;

export class RedirectServer implements AsyncDisposable {
  /** A random value that the sign-in page returns. */
  readonly state: string = randomBytes(32).toString("base64url");
  /** The answer of the sign-in page. It never rejects. */
  readonly answer: Promise<RedirectAnswer>;
  /** The servers: one, or two if the name has two addresses. */
  readonly #servers: Server[] = [];
  readonly #host: string;
  #settle!: (answer: RedirectAnswer) => void;
  #isAnswered = false;

  private constructor(host: string) {
    this.#host = host;
    this.answer = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Listens at a free port. `host`: the name in the redirect URI. Rejects with system errors. */
  static async listen(host: "127.0.0.1" | "localhost"): Promise<RedirectServer> {
    const redirect = new RedirectServer(host);
    await redirect.#listen("127.0.0.1", 0);
    // A browser may try this address first. If it is not available, the browser continues with the other one.
    if (host === "localhost") await redirect.#listen("::1", redirect.#port).catch(() => undefined);
    return redirect;
  }

  get uri(): string {
    return `http://${this.#host}:${String(this.#port)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      const closed = once(server, "close");
      server.close();
      // A program on this machine, or a browser that connects ahead of need, may hold a connection open for ever.
      const timer = setTimeout(() => {
        server.closeAllConnections();
      }, LAST_PAGE);
      await closed;
      clearTimeout(timer);
    }
  }

  /**
   * Takes an address that the user has copied from the browser, whose last page cannot be shown because it runs on
   * another machine. Returns whether it is the answer.
   */
  take(address: string): boolean {
    const text = address.trim();
    if (!URL.canParse(text)) return false;
    return this.#isAnswer(new URL(text).searchParams);
  }

  get #port(): number {
    return (this.#servers[0]?.address() as AddressInfo).port;
  }

  async #listen(address: string, port: number): Promise<void> {
    const server = createServer((request, response) => {
      this.#serve(request, response);
    });
    server.listen(port, address);
    await once(server, "listening");
    this.#servers.push(server);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = "/", headers } = request;
    // The name is checked as well: a page of the web could reach this port under a name of its own.
    const isOurs = method === "GET" && headers.host === new URL(this.uri).host;
    response.setHeader("connection", "close");
    response.setHeader("cache-control", "no-store");
    // Not read as a URL: a target such as "//" is not one, and any program on this machine can send it.
    const [, search] = /^\/\?(.*)$/.exec(url) ?? [];
    if (!isOurs || search === undefined || !this.#isAnswer(new URLSearchParams(search))) {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is nothing here.\n");
      return;
    }
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'",
      // The address of this page has the code.
      "referrer-policy": "no-referrer",
    });
    response.end(PAGE);
  }

  /** Returns whether this is the answer to our request, for the first time. */
  #isAnswer(parameters: URLSearchParams): boolean {
    if (!isSame(parameters.get("state") ?? "", this.state) || this.#isAnswered) return false;
    this.#isAnswered = true;
    this.#settle(Object.fromEntries(parameters));
    return true;
  }
}

const PAGE = `<!doctype html>
<html lang="en"><title>popwright</title>
<h1>You can close this window.</h1>
<p>popwright continues in the terminal, and says there whether the sign-in has succeeded.</p></html>
`;

/** Compares without showing by its duration how much is equal. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
