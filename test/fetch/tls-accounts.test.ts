// An account that is read from a database for each poll resumes the TLS session of the poll before.
import { afterEach, expect, test, vi } from "vitest";
import { Pop3Client, Pop3Pool, type Pop3ClientOptions } from "popwright";
import { makeCertificate, Pop3Server } from "popwright/testing";
import { fetchAll, fetchMail, MemoryLedger, type FetchOptions } from "../../src/fetch/index.ts";
import { mail } from "../support/mail.ts";

afterEach(() => vi.restoreAllMocks());

class Row {
  readonly #server: Pop3Server;
  constructor(server: Pop3Server) {
    this.#server = server;
  }

  /** The account as a database gives it: another object each time. */
  read(): Pop3ClientOptions {
    const tls = { ca: this.#server.ca, minVersion: "TLSv1.2" as const };
    return structuredClone({
      ...{ host: "127.0.0.1", port: this.#server.port, tls },
      auth: { user: "ann", pass: "secret" },
    });
  }
}

test.each<[string, (row: Row, options: FetchOptions) => Promise<unknown>]>([
  ["fetchMail", (row, options) => fetchMail(row.read(), options)],
  [
    "fetchMail with a pool",
    async (row, options) => {
      await using pool = new Pop3Pool();
      await fetchMail(row.read(), { ...options, pool });
    },
  ],
  [
    "fetchAll",
    async (row, options) => {
      for await (const event of fetchAll([row.read()], options))
        if (event.type === "failed") throw event.error;
    },
  ],
])("%s resumes", async (_name, poll) => {
  const users = { ann: { pass: "secret", messages: [mail(1)] } };
  await using server = await Pop3Server.listen({ users, tls: makeCertificate() });
  const row = new Row(server);
  const resumed: boolean[] = [];
  const ledger = new MemoryLedger();
  const login: Pop3Client["connect"] = Reflect.get(Pop3Client.prototype, "connect");
  vi.spyOn(Pop3Client.prototype, "connect").mockImplementation(async function (this: Pop3Client, ...given) {
    await login.apply(this, given);
    resumed.push(this.tlsInfo?.resumed === true);
  });
  for (let run = 0; run < 3; run++) {
    await poll(row, { ledger, destination: () => undefined, force: true });
  }
  expect(resumed).toEqual([false, true, true]);
});
