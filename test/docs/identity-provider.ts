// Google and Microsoft, as an example sees them: a token endpoint (RFC 6749 section 3.2), and an
// authorization endpoint whose user has agreed already. On loopback.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

type Form = Readonly<Record<string, string>>;

export class IdentityProvider implements AsyncDisposable {
  /** What was asked of the token endpoint. */
  readonly requests: Form[] = [];
  /** What was asked of the authorization endpoint. */
  readonly signIns: Form[] = [];
  readonly #server: Server;
  readonly #answer: (form: Form, nth: number) => object;

  private constructor(answer: (form: Form, nth: number) => object) {
    this.#answer = answer;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** `answer`: what the n-th request gets, from 1 on. What has an `error` comes with HTTP status 400. */
  static async listen(answer: (form: Form, nth: number) => object): Promise<IdentityProvider> {
    const provider = new IdentityProvider(answer);
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    if (pathname === "/authorize") {
      const form = Object.fromEntries(searchParams);
      this.signIns.push(form);
      const back = new URL(form["redirect_uri"] ?? "");
      back.searchParams.set("state", form["state"] ?? "");
      back.searchParams.set("code", "code-1");
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    this.requests.push(form);
    const answer = this.#proven(form)
      ? this.#answer(form, this.requests.length)
      : { error: "invalid_grant", error_description: "the verifier is wrong" };
    response.writeHead("error" in answer ? 400 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer));
  }

  /** RFC 7636 section 4.6: the client that presents a code must be the one that asked for it. */
  #proven({ code, code_verifier = "" }: Form): boolean {
    if (code === undefined) return true;
    const challenge = createHash("sha256").update(code_verifier).digest("base64url");
    return this.signIns.some((signIn) => signIn["code_challenge"] === challenge);
  }
}
