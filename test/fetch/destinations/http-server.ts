// An HTTP server for one test: it records the requests, and sends the configured answers.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface HttpRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpAnswer {
  /** 0: it closes the connection. */
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `undefined`: it never answers. */
export type Answering = (request: HttpRequest) => HttpAnswer | undefined;

export class HttpServer {
  readonly requests: HttpRequest[] = [];
  readonly #server: Server;

  private constructor(answer: Answering) {
    this.#server = createServer((incoming, response) => {
      const { method, url: path, headers } = incoming;
      void buffer(incoming).then(
        (body) => {
          const request = { method, path, headers, body };
          this.requests.push(request);
          const answered = answer(request);
          if (answered?.status === 0) response.destroy();
          else if (answered !== undefined)
            response.writeHead(answered.status, answered.headers).end(answered.body);
        },
        () => undefined,
      );
    });
  }

  static async listen(answer: Answering): Promise<HttpServer> {
    const server = new HttpServer(answer);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Closes the connections that wait for a further request. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
