// The places in which a server, a proxy, a certificate, a program or a file system can put words of its own, and
// everything that can be seen of a session afterwards.
import { subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import createDebug from "debug";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { FileLedger, Maildir, type Delivery } from "popwright/fetch";
import { Pop3Server, makeCertificate } from "popwright/testing";
import { Recording } from "../../src/cli/check/recording.ts";
import { Secrets } from "../../src/protocol/secrets.ts";
import { failureReason } from "../../src/fetch/failure-reason.ts";
import { LOGIN_ANSWERS, MemoryServer, type Answers } from "./memory-server.ts";
import { newDirectory } from "./place.ts";
import { ProxyServer } from "./proxy-server.ts";
import { base64, visible } from "./secret.ts";

export const USER = "annabel";
export const SECRET = "hunter2-\u00fc/\u65e5";
export const PROXY_SECRET = "proxy-secret-7";

const auth = { user: USER, pass: SECRET };
const token = { ...auth, accessToken: "hunter2-token-0123456789" };

const DELIVERY: Delivery = {
  key: "0".repeat(64),
  mailbox: "ann@mail.test:995",
  uid: undefined,
  size: undefined,
  headersOnly: false,
  fence: 1n,
};

type Call = (client: Pop3Client) => Promise<unknown>;

/** Runs a session with these answers, and returns what can be seen of its errors, logs, traces and recording. */
async function session(
  answers: Answers,
  call: Call = (client) => client.noop(),
  more: Partial<Pop3ClientOptions> = {},
  greeting?: string,
): Promise<string> {
  // What has no answer is refused: nothing may wait.
  const all = new Proxy<Answers>(
    { ...LOGIN_ANSWERS, QUIT: "+OK\r\n", ...answers },
    {
      get: (known, line) =>
        (Reflect.get(known, line) as Answers[string]) ??
        (String(line).includes(" ") ? undefined : "-ERR\r\n"),
    },
  );
  const server = new MemoryServer(all, greeting);
  return seen(async (seeing) => {
    const client = new Pop3Client({ ...server.options, auth, listings: "strict", logUser: false, ...more });
    try {
      await client.connect();
      await call(client);
    } catch (error) {
      seeing(visible(error));
    }
    // Its greeting and capabilities are data.
    seeing(visible(client.malformed));
    client.close();
  });
}

/** Runs something that fails, and returns what can be seen of it. */
async function failure(run: () => Promise<unknown>): Promise<string> {
  return seen(async (seeing) => {
    try {
      await run();
    } catch (error) {
      seeing(visible(error));
    }
  });
}

async function seen(run: (seeing: (text: string) => void) => Promise<void>): Promise<string> {
  const parts: string[] = [];
  const keep = (event: unknown): void => void parts.push(visible(event));
  const channel = tracingChannel("popwright:command");
  const traces = { start: keep, end: keep, asyncStart: keep, asyncEnd: keep, error: keep };
  const original = createDebug.log;
  createDebug.log = (...args: unknown[]) => void parts.push(args.map(String).join(" "));
  createDebug.enable("popwright:*");
  channel.subscribe(traces);
  subscribe("popwright:malformed", keep);
  using recording = new Recording(false, new Secrets());
  try {
    await run((text) => void parts.push(text));
  } finally {
    createDebug.disable();
    createDebug.log = original;
    channel.unsubscribe(traces);
    unsubscribe("popwright:malformed", keep);
  }
  parts.push(recording.end(true));
  return parts.join("\n");
}

const code = (word: string): string => word.replace(/[\s\]]/g, "");
const capa = (line: string): Answers => ({ CAPA: `+OK\r\n${line}\r\n.\r\n` });
const bearer = (word: string): string => base64(JSON.stringify({ status: word, scope: word, schemes: word }));
const wire = (word: string): string => Buffer.from(word).toString("latin1");

/** The places within a session. They need no socket. */
export const IN_SESSION: Readonly<Record<string, (word: string) => Promise<string>>> = {
  "a refusing greeting": (word) => session({}, undefined, {}, wire(`-ERR ${word}\r\n`)),
  "the response code of a greeting": (word) =>
    session({}, undefined, {}, wire(`-ERR [${code(word)}] no\r\n`)),
  "a greeting that is not one": (word) => session({}, undefined, {}, wire(`x${word}\r\n`)),
  "an accepted greeting": (word) => session({ PASS: "-ERR\r\n" }, undefined, {}, wire(`+OK ${word}\r\n`)),
  "a refused CAPA": (word) => session({ CAPA: wire(`-ERR ${word}\r\n`) }),
  "the names of mechanisms": (word) =>
    session(capa(wire(`SASL ${word}`)), undefined, { auth: { ...auth, mechanism: "PLAIN" } }),
  "an implementation": (word) => session(capa(wire(`IMPLEMENTATION ${word}`))),
  "a refusal of USER": (word) => session({ USER: wire(`-ERR ${word}\r\n`) }),
  "a refusal of PASS": (word) => session({ PASS: wire(`-ERR ${word}\r\n`) }),
  "a response code": (word) => session({ PASS: wire(`-ERR [${code(word)}] no\r\n`) }),
  "a reply that is not one": (word) => session({ PASS: wire(`x${word}\r\n`) }),
  "a refusal by +ERR": (word) => session({ PASS: wire(`+ERR [${code(word)}] ${word}\r\n`) }),
  "octets that nothing asked for": (word) => session({ PASS: wire(`+OK\r\n${word}\r\n`) }),
  "a refusal of AUTH": (word) =>
    session({ AUTH: wire(`-ERR ${word}\r\n`) }, undefined, { auth: { ...auth, mechanism: "PLAIN" } }),
  "an error of SCRAM": (word) =>
    session({ AUTH: `+ ${base64(`e=${word}`)}\r\n`, "*": "-ERR\r\n" }, undefined, {
      auth: { ...auth, mechanism: "SCRAM-SHA-256" },
    }),
  "a challenge of SCRAM": (word) =>
    session({ AUTH: `+ ${base64(`r=${word},s=${word},i=${word}`)}\r\n`, "*": "-ERR\r\n" }, undefined, {
      auth: { ...auth, mechanism: "SCRAM-SHA-256" },
    }),
  "a challenge of DIGEST-MD5": (word) =>
    session({ AUTH: `+ ${base64(`${word}="${word}"`)}\r\n`, "*": "-ERR\r\n" }, undefined, {
      auth: { ...auth, mechanism: "DIGEST-MD5" },
    }),
  "a challenge that is not base64": (word) =>
    session({ AUTH: wire(`+ ${word}\r\n`), "*": wire(`-ERR ${word}\r\n`) }, undefined, {
      auth: { ...auth, mechanism: "CRAM-MD5" },
    }),
  "the reason of OAUTHBEARER": (word) =>
    session({ AUTH: `+ ${bearer(word)}\r\n`, "AQ==": wire(`-ERR ${word}\r\n`) }, undefined, {
      auth: { ...token, mechanism: "OAUTHBEARER" },
    }),
  "the reason of XOAUTH2": (word) =>
    session({ AUTH: `+ ${bearer(word)}\r\n` }, undefined, {
      auth: { ...token, mechanism: "XOAUTH2" },
    }),
  "the reply to STAT": (word) => session({ STAT: wire(`+OK ${word}\r\n`) }, (client) => client.stat()),
  "a line of LIST": (word) =>
    session({ LIST: wire(`+OK\r\n1 x${word}\r\n.\r\n`) }, (client) => client.list()),
  "a line of UIDL": (word) => session({ UIDL: wire(`+OK\r\nx${word}\r\n.\r\n`) }, (client) => client.uidl()),
  "malformed lines": (word) =>
    session({ UIDL: wire(`+OK\r\n1 a\r\n2 b ${word}\r\n.\r\n`) }, (client) => client.uidl(), {
      listings: "lenient",
    }),
  "a unique-id": (word) =>
    session({ UIDL: wire(`+OK\r\n1 ${code(word)}\r\n.\r\n`) }, (client) => client.uidl(), {
      listings: "lenient",
    }),
  "the reply to LIST of one": (word) =>
    session({ LIST: wire(`+OK ${word}\r\n`) }, (client) => client.list(1)),
  "the reply to UIDL of one": (word) =>
    session({ UIDL: wire(`+OK ${word}\r\n`) }, (client) => client.uidl(1)),
  "a refusal of RETR": (word) => session({ RETR: wire(`-ERR ${word}\r\n`) }, (client) => client.retr(1)),
  "a refusal of TOP": (word) => session({ TOP: wire(`-ERR ${word}\r\n`) }, (client) => client.top(1, 0)),
  "a refusal of DELE": (word) =>
    session({ DELE: wire(`-ERR [${code(word)}] ${word}\r\n`) }, (client) => client.dele(1)),
  "a refusal of a custom command": (word) =>
    session({ XTND: wire(`-ERR ${word}\r\n`) }, (client) => client.command("XTND")),
  "a refusal of QUIT": (word) =>
    session({ DELE: "+OK\r\n", QUIT: wire(`-ERR ${word}\r\n`) }, async (client) => {
      await client.dele(1);
      await client.quit();
    }),
  "the error of a socket": (word) =>
    failure(() =>
      Pop3Client.connect({
        host: "mail.test",
        auth,
        logUser: false,
        socket: () => Promise.reject(new Error(word)),
      }),
    ),
  "the error of a lookup": (word) =>
    failure(() =>
      Pop3Client.connect({
        host: "mail.test",
        auth,
        logUser: false,
        lookup: (_host, _options, found) => found(Object.assign(new Error(word), { hostname: word }), ""),
      }),
    ),
};

/** The places that need a socket or a file. They are slower. */
export const OUTSIDE: Readonly<Record<string, (word: string) => Promise<string>>> = {
  "the status line of a proxy": async (word) => {
    await using proxy = await ProxyServer.listen((socket) => {
      socket.end(`HTTP/1.1 407 ${word}\r\n\r\n`);
      return Promise.resolve(undefined);
    });
    const url = `http://me:${PROXY_SECRET}@127.0.0.1:${String(proxy.port)}`;
    return await failure(() => Pop3Client.connect({ host: "mail.test", auth, proxy: url, logUser: false }));
  },
  "a certificate": async (word) => {
    const { key, cert } = makeCertificate({ names: [], commonName: word.slice(0, 60) });
    await using server = await Pop3Server.listen({ tls: { key, cert } });
    const tls = { ca: cert };
    const { port } = server;
    return await failure(() => Pop3Client.connect({ host: "localhost", port, tls, auth, logUser: false }));
  },
  "a file name in a report": async (word) => {
    const path = join(await newDirectory(), code(word).replaceAll("/", "-"), "x".repeat(300));
    const error: unknown = await Promise.resolve(new Maildir(path).begin(DELIVERY)).catch(
      (thrown: unknown) => thrown,
    );
    return failureReason(error, [SECRET]);
  },
  "the name of a ledger": async (word) => {
    const directory = join(await newDirectory(), code(word).replaceAll("/", "-"));
    return failure(() => new FileLedger(directory).rename("a", "b"));
  },
};
