// A misspelt name of an option is refused with the name that was meant: in every options object, by every function that
// takes it, for every option. The objects are read from the reports of the API, so a new one without a row fails.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Pop3Client, Pop3Error, Pop3Pool } from "popwright";
import * as fetching from "popwright/fetch";
import Pop3Command from "popwright/node-pop3";
import { clientCredentials, refreshedToken, requestToken } from "popwright/oauth2";
import { parseHeaders, parseMessage } from "popwright/parse";
import { PostgresStore } from "popwright/postgres";
import { createFetchWorker, Fleet } from "popwright/bullmq";
import { RedisLedger, RedisPlaces } from "popwright/redis";
import { SqliteStore } from "popwright/sqlite";
import { destinationContract, ledgerContract, makeCertificate, Pop3Server } from "popwright/testing";
import { UNUSED_POOL } from "../support/postgres.ts";
import { UNUSED_REDIS } from "../support/redis.ts";
import { UNUSED } from "../support/sqlite.ts";
import { root } from "./source.ts";
import { ENTRIES } from "../package/entries.ts";

const { fetchMail, fetchAll, newMail, MemoryLedger } = fetching;
const report = ENTRIES.map((entry) => readFileSync(join(root, `etc/${entry}.api.md`), "utf8")).join("\n");
const INTERFACE = /^export interface (\w+)(?:<[^>]*>)?(?: extends ([^{]+))? \{\n([^]*?)^\}/gm;
const interfaces = new Map(
  [...report.matchAll(INTERFACE)].map((found) => [found[1] as string, found] as const),
);

/** Their names tell objects of options; `UrlOptions` is a result. */
const NAMES = [...interfaces.keys()].filter(
  (name) =>
    /(?:Options|Auth|Policy|Limits|Timeouts|Window|Pauses|DeleteWhen|Fault|ServerUser)$/.test(name) &&
    name !== "UrlOptions",
);

/** The options of an interface, and of those that it extends. */
function optionsOf(name: string): string[] {
  const [, , parents = "", body = ""] = interfaces.get(name) ?? [];
  const [, base = "", picked] = /^(?:Pick|Omit)<\s*(\w+),\s*([^>]+)>/.exec(parents) ?? [];
  const inherited = (base === "" ? parents.split(",") : [base]).flatMap((parent) =>
    optionsOfKnown(parent.trim()),
  );
  const listed = [...(picked ?? "").matchAll(/"(\w+)"/g)].map(([, option]) => option as string);
  const kept = parents.startsWith("Pick") ? listed : inherited.filter((option) => !listed.includes(option));
  return [...kept, ...[...body.matchAll(/^ {4}readonly (\w+)\??:/gm)].map(([, option]) => option as string)];
}
const optionsOfKnown = (name: string): string[] => (interfaces.has(name) ? optionsOf(name) : []);

const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32).toString("base64")}`;

type Call = (given: object) => unknown;
const auth = { user: "ann", pass: "secret" };
const account = { host: "127.0.0.1", port: 1, auth };
const client = new Pop3Client(account);
const run = { ledger: new MemoryLedger(), destination: (): void => undefined };
const first = (loop: AsyncIterator<unknown>): unknown => loop.next();

const listen: Call = (given) => Pop3Server.listen(given);
const replay: Call = (given) => Pop3Server.replay(["S: +OK"], given);

/** Every function that takes the options of an account, with one part of them replaced. */
const accounts = (put: (given: object) => object): Record<string, Call> => ({
  Pop3Client: (given) => new Pop3Client(put(given) as never),
  "Pop3Client.connect": (given) => Pop3Client.connect(put(given) as never),
  "Pop3Client.use": (given) => Pop3Client.use(put(given) as never, () => undefined),
  "Pop3Pool#use": (given) => new Pop3Pool().use(put(given) as never, () => undefined),
  fetchMail: (given) => fetchMail(put(given) as never, run),
  newMail: (given) => first(newMail(put(given) as never, { ledger: run.ledger })),
});
/** Every function that takes a policy. */
const policies = (put: (given: object) => object): Record<string, Call> => ({
  fetchMail: (given) => fetchMail(account, { ...run, policy: put(given) }),
  fetchAll: (given) => first(fetchAll([account], { ...run, policy: put(given) })),
  newMail: (given) => first(newMail(account, { ledger: run.ledger, policy: put(given) })),
});

const TABLE: Readonly<Record<string, Readonly<Record<string, Call>>>> = {
  CallOptions: {
    "Pop3Client.connect": (given) => Pop3Client.connect(account, given),
    "Pop3Client.use": (given) => Pop3Client.use(account, () => undefined, given),
    connect: (given) => client.connect(given),
    stat: (given) => client.stat(given),
    "list of one": (given) => client.list(1, given),
    "uidl of one": (given) => client.uidl(1, given),
    dele: (given) => client.dele(1, given),
    noop: (given) => client.noop(given),
    rset: (given) => client.rset(given),
    quit: (given) => client.quit(given),
    supports: (given) => client.supports("TOP", given),
    stls: (given) => client.stls(given),
    user: (given) => client.user("ann", given),
    pass: (given) => client.pass("x", given),
    apop: (given) => client.apop("ann", "x", given),
    authenticate: (given) => client.authenticate(auth, given),
    utf8: (given) => client.utf8(given),
    lang: (given) => client.lang(given),
    "lang of one": (given) => client.lang("en", given),
  },
  VerifyOptions: {
    "Pop3Client.verify": (given) => Pop3Client.verify(account, given),
    "Pop3Client.verifySteps": (given) => Pop3Client.verifySteps(account, given).next(),
  },
  ResponseOptions: {
    list: (given) => client.list(given),
    uidl: (given) => client.uidl(given),
    retr: (given) => client.retr(1, given),
    top: (given) => client.top(1, 0, given),
    retrStream: (given) => client.retrStream(1, given).toArray(),
    capa: (given) => client.capa(given),
  },
  RetrieveOptions: {
    "retrieve of all": (given) => client.retrieve(given),
    retrieve: (given) => client.retrieve([1], given),
  },
  Pop3CommandOptions: { command: (given) => client.command("XTND", given) },
  Pop3ClientOptions: accounts((given) => ({ ...account, ...given })),
  Pop3Auth: {
    ...accounts((given) => ({ ...account, auth: { ...auth, ...given } })),
    authenticate: async (given) => {
      await client.authenticate({ ...auth, ...given });
    },
  },
  ScramOptions: accounts((scram) => ({ ...account, auth: { ...auth, scram } })),
  Pop3Timeouts: accounts((timeouts) => ({ ...account, timeouts })),
  Pop3Limits: accounts((limits) => ({ ...account, limits })),
  Pop3Window: accounts((pipelining) => ({ ...account, pipelining })),
  Pop3PoolOptions: { Pop3Pool: (given) => new Pop3Pool(given) },
  UseOptions: { "Pop3Pool#use": (given) => new Pop3Pool().use(account, () => undefined, given) },
  FetchOptions: { fetchMail: (given) => fetchMail(account, { ...run, ...given }) },
  FetchAllOptions: { fetchAll: (given) => first(fetchAll([account], { ...run, ...given })) },
  NewMailOptions: { newMail: (given) => first(newMail(account, { ledger: run.ledger, ...given })) },
  FetchPolicy: policies((given) => given),
  DeleteWhen: policies((given) => ({ delete: given })),
  RunLimits: policies((limits) => ({ limits })),
  RetryPauses: policies((retry) => ({ retry })),
  PollPauses: policies((poll) => ({ poll })),
  CommandOptions: { Command: (given) => new fetching.Command("x", [], given) },
  MaildirOptions: { Maildir: (given) => new fetching.Maildir("x", given) },
  EmlFolderOptions: { EmlFolder: (given) => new fetching.EmlFolder("x", given) },
  MboxOptions: { Mbox: (given) => new fetching.Mbox("x", given) },
  FunctionOptions: { deliverTo: (given) => fetching.deliverTo(run.destination, given) },
  ImapAppendOptions: {
    ImapAppend: (given) => new fetching.ImapAppend("imaps://ann@x.example", given as never),
  },
  WebhookOptions: { Webhook: (given) => new fetching.Webhook("https://x.example", given) },
  GmailImportOptions: {
    GmailImport: (given) =>
      new fetching.GmailImport("ann@gmail.com", { accessToken: () => "token", ...given }),
  },
  LmtpOptions: {
    Lmtp: (given) => new fetching.Lmtp("lmtp://127.0.0.1", { recipient: "ann@example.com", ...given }),
  },
  VerifyWebhookOptions: {
    verifyWebhook: (given) => fetching.verifyWebhook({}, Buffer.alloc(0), WEBHOOK_SECRET, given),
  },
  FileLedgerOptions: { FileLedger: (given) => new fetching.FileLedger("x", given) },
  NodePop3Options: { Pop3Command: (given) => new Pop3Command({ host: "127.0.0.1", ...given }) },
  TokenServerOptions: { requestToken: (given) => requestToken(given as never) },
  TokenRequestOptions: { requestToken: (given) => requestToken(given as never) },
  RefreshedTokenOptions: { refreshedToken: (given) => refreshedToken(given as never) },
  ClientCredentialsOptions: { clientCredentials: (given) => clientCredentials(given as never) },
  ParseOptions: { parseMessage: (given) => parseMessage(Buffer.alloc(0), given) },
  ParseHeadersOptions: { parseHeaders: (given) => parseHeaders(Buffer.alloc(0), given) },
  Pop3ServerOptions: { listen },
  ListenerOptions: { listen, replay },
  MechanismOptions: { listen },
  ScramServerOptions: { listen: (scram) => listen({ scram }) },
  DigestMd5ServerOptions: { listen: (digestMd5) => listen({ digestMd5 }) },
  Pop3ServerUser: { listen: (ann) => listen({ users: { ann } }) },
  Fault: {
    listen: (fault) => listen({ faults: [{ on: "RETR", reset: 1, ...fault }] }),
    fault: async (fault) => {
      const server = await Pop3Server.listen();
      try {
        server.fault({ on: "RETR", reset: 1, ...fault });
      } finally {
        await server.close();
      }
    },
  },
  ReplayOptions: { replay },
  LedgerContractOptions: { ledgerContract: (given) => ledgerContract(() => run.ledger, given) },
  DestinationContractOptions: {
    destinationContract: (given) => destinationContract(() => fetching.deliverTo(run.destination), given),
  },
  CertificateOptions: { makeCertificate: (given) => makeCertificate(given) },
  LedgerErrorOptions: { LedgerError: (given) => new fetching.LedgerError("x", given) },
  LedgerOpenOptions: {
    MemoryLedger: (given) => new fetching.MemoryLedger().open("x", given),
    FileLedger: (given) => new fetching.FileLedger("x").open("x", given),
    SqliteStore: (given) => new SqliteStore(UNUSED).open("x", given),
    PostgresStore: (given) => new PostgresStore(UNUSED_POOL).open("x", given),
    RedisLedger: (given) => new RedisLedger(UNUSED_REDIS).open("x", given),
  },
  PostgresStoreOptions: { PostgresStore: (given) => new PostgresStore(UNUSED_POOL, given) },
  PostgresDeliverOptions: {
    deliver: (given) => new PostgresStore(UNUSED_POOL).deliver(() => undefined, given),
  },
  FleetOptions: { Fleet: (given) => new Fleet({ redis: UNUSED_REDIS, ...given }) },
  FetchWorkerOptions: {
    createFetchWorker: (given) =>
      createFetchWorker({ redis: UNUSED_REDIS, account: () => undefined, ...run, ...given }),
  },
  RedisLedgerOptions: { RedisLedger: (given) => new RedisLedger(UNUSED_REDIS, given) },
  RedisPlacesOptions: { RedisPlaces: (given) => new RedisPlaces(UNUSED_REDIS, given) },
  SqliteStoreOptions: { SqliteStore: (given) => new SqliteStore("x", given) },
  SqliteDeliverOptions: { deliver: (given) => new SqliteStore(UNUSED).deliver(() => undefined, given) },
  DestinationErrorOptions: { DestinationError: (given) => new fetching.DestinationError("x", given) },
};

test("every options object has a row", () => {
  const file = "test/tables/option-names.test.ts";
  expect(
    NAMES.filter((name) => !Object.hasOwn(TABLE, name)).map(
      (name) => `${name} has no row: add one to TABLE in ${file}`,
    ),
  ).toEqual([]);
  expect(
    Object.keys(TABLE)
      .filter((name) => !NAMES.includes(name))
      .map((name) => `there is no ${name}: remove its row from TABLE in ${file}`),
  ).toEqual([]);
});

describe.each(Object.entries(TABLE))("%s", (name, callers) => {
  test.each(Object.keys(callers))("%s refuses each of its options if it is misspelt", async (caller) => {
    const options = optionsOf(name);
    expect(options.length).toBeGreaterThan(0);
    const faults: string[] = [];
    for (const option of options) {
      const error: unknown = await Promise.resolve()
        .then(() => callers[caller]?.({ [option + (option.at(-1) as string)]: undefined }))
        .then(
          () => new Error("resolved"),
          (thrown: unknown) => thrown,
        );
      const isRefused = Pop3Error.is(error) && ["POP3_CONFIG", "POP3_INVALID_ARGUMENT"].includes(error.code);
      const { message } = error as Error;
      if (!isRefused || !new RegExp(`did you mean (?:\\w+\\.)*${option}\\?`).test(message))
        faults.push(`${option}: ${message}`);
    }
    expect(faults).toEqual([]);
  });
});
