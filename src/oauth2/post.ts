// Posts a form to a server of OAuth2 and returns the JSON object that it answers with. The form has secrets, so it goes to
// https only, follows no redirect, and no error contains it.
//
// It uses the global `fetch`: Node, Deno and Bun have it, it needs no package, and the settings of the process for proxies
// and certificates count for it as well (NODE_USE_ENV_PROXY, NODE_EXTRA_CA_CERTS, a global dispatcher of undici).
import { codeOf, foreignError, messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import { Secrets } from "../protocol/secrets.ts";
import { retryAfter } from "../net/retry-after.ts";
import { settle } from "../net/settle.ts";
import { OAuth2Error, type OAuth2ErrorDetails } from "./oauth2-error.ts";

/** The most bytes of a reply. Tokens with many claims have some 10 kB. */
const LONGEST_REPLY = 256 * 1024;

/** The parts of a form that are not secret. */
const PUBLIC: ReadonlySet<string> = new Set(["client_id", "grant_type", "redirect_uri", "scope"]);

/** Error codes of the server that mean "later": RFC 6749 section 4.1.2.1, RFC 8628 section 3.5. */
const LATER: ReadonlySet<string> = new Set([
  "temporarily_unavailable",
  "server_error",
  "authorization_pending",
  "slow_down",
]);

/** Codes of Node for a certificate or a TLS version that is not accepted: waiting does not help. */
const NOT_TRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** How a form is sent. */
export interface PostOptions {
  /** The time limit of the whole exchange, in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** A JSON object, as a server sent it. */
export type Reply = Readonly<Record<string, unknown>>;

/**
 * Posts `form`. Resolves with the JSON object of a successful reply. Rejects with {@link OAuth2Error}, or with
 * `POP3_ABORTED` if the signal is aborted.
 */
export function post(
  url: URL,
  form: Readonly<Record<string, string>>,
  { timeout, signal }: PostOptions,
): Promise<Reply> {
  const secrets = new Secrets(
    ...Object.entries(form).flatMap(([name, value]) => (PUBLIC.has(name) ? [] : [value])),
  );
  const server = new TokenServer(url, secrets);
  const late = (): OAuth2Error =>
    server.unavailable(`did not answer within ${timeout / 1000} seconds`, { temporary: true });
  return settle(signal, { timeout, late }, (resolve, reject) => {
    const controller = new AbortController();
    server.exchange(form, controller.signal).then(resolve, reject);
    return () => {
      controller.abort();
    };
  });
}

class TokenServer {
  readonly #url: URL;
  readonly #secrets: Secrets;

  constructor(url: URL, secrets: Secrets) {
    this.#url = url;
    this.#secrets = secrets;
  }

  async exchange(form: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Reply> {
    let response: Response;
    let text: string | undefined;
    try {
      response = await fetch(this.#url, {
        method: "POST",
        headers: { accept: "application/json" },
        body: new URLSearchParams(form),
        redirect: "manual",
        signal,
      });
      text = await textOf(response);
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (text === undefined) {
      throw this.unavailable(`sent a reply of more than ${LONGEST_REPLY} bytes`, {
        temporary: false,
        status: response.status,
      });
    }
    const reply = objectIn(text);
    if (response.ok && reply !== undefined && reply["error"] === undefined) return reply;
    throw this.#failure(response, reply);
  }

  /** The server did not answer with a token. `what`: what it did instead, in our words. */
  unavailable(what: string, details: OAuth2ErrorDetails): OAuth2Error {
    return new OAuth2Error(
      "POP3_TOKEN_UNAVAILABLE",
      `the token server ${printable(this.#url.host)} ${what}`,
      details,
    );
  }

  /** `fetch` says only "fetch failed": the reason is the cause of its error. */
  #unreachable(error: unknown): OAuth2Error {
    const reason: unknown = (error as { cause?: unknown } | null)?.cause ?? error;
    return this.unavailable(`cannot be reached: ${printable(messageOf(reason), this.#secrets)}`, {
      temporary: !NOT_TRUSTED.test(codeOf(reason) ?? ""),
      cause: foreignError(reason, this.#secrets),
    });
  }

  #failure(response: Response, reply: Reply | undefined): OAuth2Error {
    const { status, headers } = response;
    const { error, description } = this.#wordsOf(reply);
    const words = [error, description].filter((word) => word !== undefined);
    const why = printable(words.join(": "), this.#secrets);
    const busy = status >= 500 || [408, 425, 429].includes(status);
    const details = { status, error, description, retryAfter: retryAfter(headers.get("retry-after")) };
    if (busy || LATER.has(error ?? "")) {
      return this.unavailable(`cannot answer now (HTTP status ${status})${why === "" ? "" : `: ${why}`}`, {
        ...details,
        temporary: true,
      });
    }
    if (error !== undefined) {
      return new OAuth2Error(
        "POP3_TOKEN_REFUSED",
        `the token server ${printable(this.#url.host)} refused the request: ${why}`,
        { ...details, temporary: false },
      );
    }
    if (status >= 300 && status < 400) {
      const location = headers.get("location") ?? "";
      // Only the host: the rest of the address may be a secret.
      const where = URL.canParse(location, this.#url.href)
        ? new URL(location, this.#url).host
        : "another address";
      return this.unavailable(
        `redirects to ${printable(where)} (HTTP status ${status}). A request with secrets follows no redirect: check tokenUrl`,
        { ...details, temporary: false },
      );
    }
    // A success without a token comes from a proxy or a sign-in page of the network, and may be gone later.
    return this.unavailable(
      `answered without a token (HTTP status ${status}): check tokenUrl, and whether a proxy answers in its place`,
      { ...details, temporary: response.ok },
    );
  }

  /** The words of the server, safe to print. Google's API errors have an object in place of the code. */
  #wordsOf(reply: Reply = {}): { error: string | undefined; description: string | undefined } {
    const { error: first, error_description: second } = reply;
    const nested = (typeof first === "object" && first !== null ? first : {}) as Reply;
    const safe = (value: unknown): string | undefined =>
      typeof value === "string" && value !== ""
        ? // The lines after the first are numbers for the support of the provider.
          printable(value.split(/[\r\n]/, 1)[0] ?? "", this.#secrets)
        : undefined;
    return { error: safe(nested["status"] ?? first), description: safe(nested["message"] ?? second) };
  }
}

/** Reads a body. `undefined`: it is longer than {@link LONGEST_REPLY}; the rest is not read. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    octets += chunk.length;
    if (octets > LONGEST_REPLY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function objectIn(text: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Reply)
      : undefined;
  } catch {
    return undefined;
  }
}
