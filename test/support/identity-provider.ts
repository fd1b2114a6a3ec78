// Google and Microsoft, as an OAuth2 client sees them, on loopback: an authorization endpoint whose user agrees at once, a
// token endpoint (RFC 6749 section 3.2) and a device endpoint (RFC 8628). A test decides what each request gets.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type Form = Readonly<Record<string, string>>;

/** A reply that is not JSON with status 200 or 400. */
export class RawReply {
  readonly status: number;
  readonly headers: Form;
  /** `undefined`: the body never comes. */
  readonly body: string | undefined;

  constructor(status: number, headers: Form = {}, body?: string) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** What a request to the token endpoint gets. A value with `error` comes with HTTP status 400. */
export type Answer = (
  form: Form,
  nth: number,
  signIn: Form | undefined,
) => object | RawReply | Promise<object | RawReply>;

/** An ID token without a valid signature. */
export function idToken(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.signature`;
}

export class IdentityProvider implements AsyncDisposable {
  /** What was asked of the token endpoint. */
  readonly requests: Form[] = [];
  /** What was asked of the authorization endpoint. */
  readonly signIns: Form[] = [];
  /** What was asked of the device endpoint. */
  readonly devices: Form[] = [];
  /** What the authorization endpoint sends back in place of a code, such as `{ error: "access_denied" }`. */
  refusal: Form | undefined;
  /** What the device endpoint answers with. */
  device: object = {
    device_code: "hunter2-device",
    user_code: "ABCD-EFGH",
    verification_uri: "https://microsoft.example/devicelogin",
    expires_in: 900,
    interval: 0,
  };
  readonly #server: Server;
  readonly #answer: Answer;
  readonly #spent = new Set<string>();

  private constructor(answer: Answer) {
    this.#answer = answer;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** `answer`: what the n-th request gets, from 1 on. */
  static async listen(answer: Answer): Promise<IdentityProvider> {
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
    if (/\/auth(?:orize)?$/.test(pathname)) {
      this.#authorize(Object.fromEntries(searchParams), response);
      return;
    }
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    if (pathname.endsWith("/devicecode")) {
      this.devices.push(form);
      send(response, this.device);
      return;
    }
    this.requests.push(form);
    send(
      response,
      this.#fault(form) ?? (await this.#answer(form, this.requests.length, this.#signInOf(form))),
    );
  }

  #authorize(form: Form, response: ServerResponse): void {
    const back = new URL(form["redirect_uri"] ?? "");
    this.signIns.push(form);
    const given = this.refusal ?? { code: `hunter2-code-${this.signIns.length}` };
    for (const [name, value] of Object.entries({ state: form["state"] ?? "", ...given }))
      back.searchParams.set(name, value);
    response.writeHead(302, { location: back.href }).end();
  }

  #signInOf({ code = "" }: Form): Form | undefined {
    const [, nth] = /^hunter2-code-(\d+)$/.exec(code) ?? [];
    return nth === undefined ? undefined : this.signIns[Number(nth) - 1];
  }

  /** What is wrong with a code: it is unknown or spent, or another client presents it (RFC 7636 section 4.6). */
  #fault(form: Form): object | undefined {
    const { code, code_verifier = "", redirect_uri } = form;
    if (code === undefined) return undefined;
    const signIn = this.#signInOf(form);
    const challenge = createHash("sha256").update(code_verifier).digest("base64url");
    const isRight =
      signIn?.["code_challenge"] === challenge &&
      signIn["redirect_uri"] === redirect_uri &&
      !this.#spent.has(code);
    this.#spent.add(code);
    return isRight ? undefined : { error: "invalid_grant", error_description: "the code is wrong" };
  }
}

function send(response: ServerResponse, answer: object): void {
  if (!(answer instanceof RawReply)) {
    response.writeHead("error" in answer ? 400 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer));
    return;
  }
  response.writeHead(answer.status, answer.headers);
  if (answer.body === undefined) response.flushHeaders();
  else response.end(answer.body);
}
