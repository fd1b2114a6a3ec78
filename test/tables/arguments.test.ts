// A wrong argument is refused by an error of ours, which names it and says what is expected, before anything is sent.
// The table has a row for every public function, constructor and method. They are found by reflection, so a new one
// without a row fails.
import { Readable } from "node:stream";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as popwright from "popwright";
import * as fetching from "popwright/fetch";
import Pop3Command, { type NodePop3Options } from "popwright/node-pop3";
import * as oauth2 from "popwright/oauth2";
import * as parsing from "popwright/parse";
import { Pop3Client, Pop3Error, Pop3Pool, type Pop3ClientOptions } from "popwright";
import { Command, EmlFolder, FileLedger, Maildir, Mbox, MemoryLedger, type Delivery } from "popwright/fetch";
import * as postgres from "popwright/postgres";
import * as fleets from "popwright/bullmq";
import * as redis from "popwright/redis";
import * as sqlite from "popwright/sqlite";
import * as testing from "popwright/testing";
import type { Pop3Server } from "popwright/testing";
import { Accounts } from "../../src/testing/accounts.ts";
import { Maildrop } from "../../src/testing/maildrop.ts";
import { ReplayServer } from "../../src/testing/replay.ts";
import { listen, said, to, auth } from "../support/ann.ts";
import { newDirectory } from "../support/place.ts";
import { UNUSED_POOL } from "../support/postgres.ts";
import { UNUSED_REDIS } from "../support/redis.ts";
import { UNUSED } from "../support/sqlite.ts";

/** It is in the wrong values, and must be in no error. */
const SECRET = "hunter2-0c1d";

/** What is wrong, and what is expected. */
const HELPFUL =
  / must | missing| undefined|^unknown option |cannot be| needs |not allowed|the URL |: set one of /;

/** Wrong values for a parameter. */
type Wrong = readonly unknown[];

const NOT_CLIENTS: Wrong = [undefined, null, 5, SECRET, {}, { ...UNUSED_REDIS, options: { keyPrefix: "x" } }];
const PLACE_REQUEST: popwright.PlaceRequest = {
  host: "pop.example.com",
  maildrop: "ann",
  limit: 5,
  signal: new AbortController().signal,
};
const NOT_OBJECTS: Wrong = [null, 5, true, SECRET, [SECRET], () => SECRET, Symbol("x")];
const SIGNALS: Wrong = [null, 1, SECRET, {}, [], new AbortController(), { aborted: false }];
const NUMBERS: Wrong = [null, 0, -1, 1.5, NaN, Infinity, "1", SECRET, {}, true, 1n, Symbol("x")];
/** Without "1", which node-pop3 takes. */
const NOT_NUMBERS = NUMBERS.filter((value) => value !== "1");
const TEXTS: Wrong = [undefined, null, "", 5, {}, [SECRET], true, () => SECRET, Symbol("x")];
const NOT_TEXTS = TEXTS.filter((value) => value !== "");
const FUNCTIONS: Wrong = [undefined, null, 5, SECRET, {}, [], true];
const CALLBACKS = FUNCTIONS.slice(1);

/** Objects with one option that is wrong, added to `good`. Only `undefined` is the default: null is always wrong. */
const each = (good: object, wrong: Readonly<Record<string, Wrong>>): Wrong =>
  Object.entries(wrong).flatMap(([name, values]) =>
    [...new Set([null, ...values])].map((value) => ({ ...good, [name]: value })),
  );

const TIMES: Wrong = [null, 0, -1, NaN, "5", SECRET, {}];
const CALL: Wrong = [...NOT_OBJECTS, ...each({}, { signal: SIGNALS })];
const VERIFY: Wrong = [...CALL, ...each({}, { pipelining: [null, 5, SECRET, {}] })];
const RESPONSE: Wrong = [...CALL, ...each({}, { totalTimeout: TIMES })];
const RETRIEVE: Wrong = [
  ...RESPONSE,
  ...each({}, { top: NUMBERS.filter((value) => value !== 0) }),
  ...each(
    {},
    {
      uids: [null, 5, SECRET, {}, [""], [5]],
      newest: NUMBERS.filter((value) => value !== 0 && value !== undefined),
    },
  ),
];

// Where nothing listens: nothing must be sent there.
const account = { host: "127.0.0.1", port: 1, auth };
const LOGGERS: Wrong = [true, null, SECRET, 5, {}, [], { debug: () => undefined }];
const SWITCHES: Wrong = [0, "false", {}];
const GROUPS: Wrong = each(
  {},
  {
    group: [null, 5, true, SECRET, [], ...each({}, { messages: [0, "5", null], bytes: [0, "5", null] })],
  },
);

const AUTH: Wrong = each(auth, {
  user: ["", 5],
  pass: ["", 5],
  accessToken: ["", 5],
  authzid: [5],
  mechanism: ["", SECRET, 5, {}],
  mechanisms: [SECRET, {}, [null], [5]],
  force: SWITCHES,
  initialResponse: SWITCHES,
  channelBinding: [true, SECRET],
  bindingTypes: [SECRET, {}, [null]],
  scram: [5, SECRET, ...each({}, { minIterations: [-1], maxIterations: ["5"] })],
  charset: ["", 5],
} satisfies Record<keyof popwright.Pop3Auth, Wrong>);
const TIMEOUTS = {
  connect: [0, "5"],
  tls: [0],
  greeting: [0],
  command: [0],
  body: [0],
  total: [0],
  quit: [0],
  drain: [0],
} satisfies Record<keyof popwright.Pop3Timeouts, Wrong>;
const LIMITS = {
  line: ["5"],
  commandLine: ["5"],
  listEntries: ["5"],
  listOctets: ["5"],
  capabilityLines: ["5"],
  capabilityOctets: ["5"],
  challenge: ["5"],
  challenges: ["5"],
  message: [-1, "5"],
  drain: ["5"],
  minRate: ["5"],
} satisfies Record<keyof popwright.Pop3Limits, Wrong>;

const CLIENT: Wrong = [
  ...NOT_OBJECTS,
  undefined,
  "",
  SECRET,
  `https://ann:${SECRET}@host`,
  `pop3s://ann:${SECRET}@host/inbox`,
  ...each(account, {
    host: [undefined, null, "", 5, {}, `ann:${SECRET}@host`],
    port: [0, 65_536, "995", {}],
    secure: SWITCHES,
    stls: [true, SECRET, {}],
    auth: [SECRET, 5, [], {}, { user: "ann" }, { user: "ann", pass: "" }, { pass: SECRET }, ...AUTH],
    utf8: SWITCHES,
    capa: SWITCHES,
    logUser: SWITCHES,
    allowPlaintextAuth: SWITCHES,
    tls: [true, SECRET, 5, []],
    socket: [SECRET, 5, {}, true],
    proxy: [5, {}, "", SECRET, `ftp://ann:${SECRET}@proxy`],
    localAddress: ["", 5, {}, SECRET, [], [5], [SECRET], ["127.0.0.1", "::1"]],
    family: [5, "4", {}],
    lookup: [SECRET, 5, {}],
    timeouts: [5, SECRET, [], ...each({}, TIMEOUTS)],
    limits: [5, SECRET, [], ...each({}, LIMITS)],
    pipelining: [true, SECRET, [], ...each({}, { octets: [-1], commandOctets: [-1] })],
    listings: [SECRET, {}, true],
    logger: LOGGERS,
    id: ["", 5, {}, "a\nb", "x".repeat(65)],
  } satisfies Record<keyof Pop3ClientOptions, Wrong>),
  ...each({ ...account, secure: false }, { stls: [true, SECRET, {}] }),
];

const LEDGER: Wrong = [undefined, null, 5, SECRET, {}, [], () => SECRET];
const DESTINATION: Wrong = [undefined, null, 5, SECRET, {}, []];
const good = { ledger: new MemoryLedger(), destination: (): void => undefined };
const POLICY: Wrong = [
  ...NOT_OBJECTS.filter((value) => typeof value !== "string"),
  ...each({}, {
    firstRun: [5, SECRET, [], { newest: -1 }, { newest: null }],
    delete: [SECRET, 5, [], ...each({}, { afterDays: [-1, "5"], largerThan: [-1, "5"] })],
    maxSize: ["5", -1],
    tooLarge: [true, SECRET],
    order: [true, SECRET],
    limits: [
      5,
      SECRET,
      ...each({}, {
        messages: ["5"],
        octets: ["5"],
        seconds: ["5"],
        messageSeconds: [0, "5"],
      } satisfies Record<keyof fetching.RunLimits, Wrong>),
    ],
    commitEvery: [0, "5"],
    tries: [0, "5"],
    retry: [5, SECRET, ...each({}, { first: ["5"], longest: ["5"] })],
    poll: [
      5,
      SECRET,
      ...each({}, { shortest: ["5"], longest: ["5"], jitter: [2, "5"], every: ["5", 0] } satisfies Record<
        keyof fetching.PollPauses,
        Wrong
      >),
    ],
    noUidl: [true, SECRET],
    listings: [true, SECRET],
    uidsChanged: [true, SECRET],
    keepDays: [-1, "5"],
    dryRun: SWITCHES,
  } satisfies Record<keyof fetching.FetchPolicy, Wrong>),
];
const RUN = {
  ledger: LEDGER,
  policy: POLICY,
  mailbox: TEXTS.slice(1),
  pool: [null, 5, SECRET, {}],
  force: SWITCHES,
  onEvent: FUNCTIONS.slice(1),
  logger: LOGGERS,
  stop: SIGNALS,
  signal: SIGNALS,
};
const { mailbox: _mailbox, pool: _pool, onEvent: _onEvent, ...MANY } = RUN;

const delivery: Delivery = {
  key: "0".repeat(64),
  mailbox: "ann@pop.example.com:995",
  uid: "1",
  size: 1,
  headersOnly: false,
  fence: 1n,
};
const DELIVERY: Wrong = [undefined, ...NOT_OBJECTS, {}, { ...delivery, key: "" }, { ...delivery, key: 5 }];

const IMAP: fetching.ImapAppendOptions = { state: "x", auth: { password: SECRET } };
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32).toString("base64")}`;

// Nothing listens there, and nothing must be sent.
const tokenServer = { tokenUrl: "http://127.0.0.1:1/token", clientId: "client-1" };
const TOKEN_SERVER = {
  tokenUrl: [undefined, null, "", 5, {}, SECRET, "http://mail.example", `https://ann:${SECRET}@mail.example`],
  clientId: TEXTS,
  clientSecret: [null, "", 5, {}, [SECRET]],
  timeout: TIMES,
};
const refreshing = { ...tokenServer, refreshToken: SECRET, onToken: (): void => undefined };

const NOT_MESSAGES: Wrong = [undefined, ...NOT_OBJECTS.filter((value) => typeof value !== "string"), {}];
const NOT_DATES: Wrong = [null, 5, "2030-01-01", {}, new Date(NaN)];
const LISTENER = {
  host: TEXTS.slice(1),
  port: [null, -1, 65_536, 1.5, "995"],
  chunk: TIMES,
  latency: [-1, "5", {}],
};
const FAULT: Wrong = [
  ...NOT_OBJECTS,
  {},
  { on: "RETR" },
  ...each({ on: "RETR", reset: 1 }, {
    on: [undefined, null, 5, "RETRR"],
    nth: [null, 0, "2"],
    delay: [-1, "5"],
    reply: [null, 5, {}],
    carriedOut: SWITCHES,
    twice: SWITCHES,
    before: [null, 5],
    after: [null, 5],
    later: [null, 5],
    flood: [null, 5],
    close: [null, -1, "5"],
    cut: [null, -1, "5"],
    reset: [null, -1, "5"],
    stall: [null, -1, "5"],
    split: [null, 0, "5"],
    interval: [null, -1, "5"],
  } satisfies Record<keyof testing.Fault, Wrong>),
];
const USER: Wrong = [
  ...NOT_OBJECTS,
  ...each({}, {
    pass: [null, 5, {}],
    accessToken: [null, 5, {}],
    certificateName: [null, 5],
    refusal: [null, 5, "a\r\nb"],
    messages: [null, SECRET, {}, [5], [null]],
    uids: [null, SECRET, [5]],
  } satisfies Record<keyof testing.Pop3ServerUser, Wrong>),
];
const SERVER: Wrong = [
  ...NOT_OBJECTS,
  ...each({}, {
    ...LISTENER,
    users: [null, SECRET, 5, [], ...USER.map((ann) => ({ ann }))],
    tls: [null, SECRET, 5, []],
    stls: [null, SECRET, 5, []],
    requireTls: SWITCHES,
    greeting: [null, 5, "a\r\nb"],
    capabilities: [null, true, SECRET, {}, [5]],
    pipelining: SWITCHES,
    user: SWITCHES,
    apop: [null, 5, {}, "<a@b>\r\n"],
    sasl: [null, SECRET, {}, [5], [null], [{}], [{ name: "X" }]],
    scram: [
      null,
      SECRET,
      ...each({}, {
        iterations: [0, 1.5, "5", 1e9],
        salt: [null, SECRET, new Uint8Array(2)],
        nonce: [null, 5],
        channelBindings: [null, SECRET, [5]],
        serverFirst: [null, SECRET],
        serverFinal: [null, SECRET],
      } satisfies Record<keyof testing.ScramServerOptions, Wrong>),
    ],
    digestMd5: [
      null,
      SECRET,
      ...each({}, {
        realm: [null, 5],
        nonce: [null, 5],
        challenge: [null, SECRET],
        rspauth: [null, SECRET],
      } satisfies Record<keyof testing.DigestMd5ServerOptions, Wrong>),
    ],
    cramMd5: [null, 5, ""],
    oauthError: [null, 5, []],
    anonymous: [null, 5, ""],
    charset: [null, 5, "utf-16"],
    attempts: [null, -1, "5"],
    uidl: SWITCHES,
    top: SWITCHES,
    utf8: SWITCHES,
    lang: SWITCHES,
    loginDelay: [null, -1, "5"],
    now: [null, 5, SECRET],
    lock: SWITCHES,
    faults: [null, {}, SECRET, ...FAULT.map((fault) => [fault])],
    allowUnusedFaults: SWITCHES,
  } satisfies Record<keyof testing.Pop3ServerOptions, Wrong>),
];
const TRANSCRIPT: Wrong = [undefined, null, 5, {}, true, [5], () => SECRET, Symbol("x")];
const REPLAY: Wrong = [
  ...NOT_OBJECTS,
  ...each({}, { ...LISTENER, tls: [null, true, SECRET, []], repeat: SWITCHES } satisfies Record<
    keyof testing.ReplayOptions,
    Wrong
  >),
];

interface Row {
  /** Arguments that are right, so that exactly one is wrong. */
  readonly good: readonly unknown[];
  /** Wrong values for each parameter. */
  readonly wrong: readonly Wrong[];
  /** The session state that the method needs. */
  readonly state?: "authorization";
}

const noParameters: Row = { good: [], wrong: [] };
const onlyOptions: Row = { good: [], wrong: [CALL] };
const names: Row = { good: ["ann@host:995"], wrong: [TEXTS] };
const text: Row = { good: ["subject"], wrong: [NOT_TEXTS] };
const begins: Row = { good: [delivery], wrong: [DELIVERY] };
const beginsLate: Row = { good: [delivery], wrong: [DELIVERY, SIGNALS] };

const FLEET = {
  redis: [...NOT_CLIENTS, { ...UNUSED_REDIS, options: { maxRetriesPerRequest: 20 } }],
  queue: [null, "", "a:b", 5, {}],
  prefix: [null, "", "a b", 5, {}],
  onError: CALLBACKS,
} satisfies Record<keyof fleets.FleetOptions, Wrong>;
const FETCH_WORKER = {
  redis: UNUSED_REDIS,
  account: (): undefined => undefined,
  ledger: new MemoryLedger(),
  destination: (): undefined => undefined,
};

/** `Class` is its constructor, `Class.name` a static method, `Class#name` a method. */
const TABLE: Readonly<Record<string, Row>> = {
  parseUrl: { good: ["pop3s://host"], wrong: [[undefined, null, 5, {}, SECRET, `https://x:${SECRET}@y`]] },
  apopDigest: { good: ["<1.2@host>", "x"], wrong: [NOT_TEXTS, NOT_TEXTS] },

  Pop3Client: { good: [account], wrong: [CLIENT] },
  "Pop3Client.connect": { good: [account], wrong: [CLIENT, CALL] },
  "Pop3Client.verify": { good: [account], wrong: [CLIENT, VERIFY] },
  "Pop3Client.verifySteps": { good: [account], wrong: [CLIENT, VERIFY] },
  // Explains whatever it is given.
  isTemporary: { good: [new Error("x")], wrong: [] },
  explain: { good: [new Error("x")], wrong: [] },
  wellKnown: { good: ["ann@gmail.com"], wrong: [[...NOT_TEXTS, "ann", "@gmail.com", "ann@"]] },
  "Pop3Client.use": { good: [account, (): void => undefined], wrong: [CLIENT, FUNCTIONS, CALL] },
  "Pop3Client#connect": onlyOptions,
  "Pop3Client#stat": onlyOptions,
  "Pop3Client#list": { good: [1], wrong: [NUMBERS.filter((value) => typeof value !== "object"), CALL] },
  "Pop3Client#uidl": { good: [1], wrong: [NUMBERS.filter((value) => typeof value !== "object"), CALL] },
  "Pop3Client#retr": { good: [1], wrong: [NUMBERS, RESPONSE] },
  "Pop3Client#top": { good: [1, 0], wrong: [NUMBERS, NUMBERS.filter((value) => value !== 0), RESPONSE] },
  "Pop3Client#retrStream": { good: [1], wrong: [NUMBERS, RESPONSE] },
  "Pop3Client#retrieve": {
    good: [[1]],
    wrong: [[null, 5, SECRET, () => 1, { singal: 1 }, ...NUMBERS.map((number) => [1, number])], RETRIEVE],
  },
  "Pop3Client#dele": {
    good: [[1]],
    wrong: [[undefined, ...NUMBERS, ...NUMBERS.map((number) => new Set([1, number]))], CALL],
  },
  "Pop3Client#noop": onlyOptions,
  "Pop3Client#rset": onlyOptions,
  "Pop3Client#quit": onlyOptions,
  "Pop3Client#close": noParameters,
  "Pop3Client#capa": { good: [], wrong: [RESPONSE] },
  "Pop3Client#supports": { good: ["UIDL"], wrong: [[undefined, null, "", "RETR", SECRET, 5], CALL] },
  "Pop3Client#stls": { ...onlyOptions, state: "authorization" },
  "Pop3Client#user": { good: ["ann"], wrong: [TEXTS, CALL], state: "authorization" },
  "Pop3Client#pass": { good: ["x"], wrong: [TEXTS, CALL], state: "authorization" },
  "Pop3Client#apop": { good: ["ann", "x"], wrong: [TEXTS, NOT_TEXTS, CALL], state: "authorization" },
  "Pop3Client#authenticate": {
    good: [auth],
    wrong: [
      [undefined, ...NOT_OBJECTS, {}, { user: "ann" }, { user: 5, pass: SECRET }, { user: "ann", pass: 5 }],
      CALL,
    ],
    state: "authorization",
  },
  "Pop3Client#utf8": { ...onlyOptions, state: "authorization" },
  "Pop3Client#lang": { good: ["en"], wrong: [[null, 5, "", "e n", true, () => SECRET], CALL] },
  Pop3Command: {
    good: [{ host: "127.0.0.1" }],
    wrong: [
      [
        ...NOT_OBJECTS,
        undefined,
        ...each({ host: "127.0.0.1" }, {
          user: [5, {}, null],
          password: [5, {}, null],
          host: [undefined, null, "", 5, {}, `ann:${SECRET}@host`],
          port: [65_536, "x", {}, -1],
          tls: SWITCHES,
          timeout: [null, -1, NaN, "5", SECRET, {}],
          tlsOptions: [null, true, SECRET, 5, []],
          servername: [5, {}, null],
          stls: [true, SECRET, {}],
          // null is the default port, as in node-pop3.
        } satisfies Record<keyof NodePop3Options, Wrong>).filter(
          (options) => (options as Readonly<Record<string, unknown>>)["port"] !== null,
        ),
      ],
    ],
  },
  "Pop3Command.listify": { good: ["1 x"], wrong: [NOT_TEXTS] },
  "Pop3Command.stream2String": { good: [Readable.from([])], wrong: [[undefined, null, 5, {}, true]] },
  "Pop3Command#connect": noParameters,
  "Pop3Command#client": noParameters,
  "Pop3Command#_connect": noParameters,
  "Pop3Command#command": {
    good: ["NOOP"],
    wrong: [[undefined, null, "", {}, true, () => SECRET, "NOOP\r\nRSET"]],
  },
  "Pop3Command#UIDL": { good: [1], wrong: [NOT_NUMBERS] },
  "Pop3Command#LIST": { good: [1], wrong: [NOT_NUMBERS] },
  "Pop3Command#STAT": noParameters,
  "Pop3Command#NOOP": noParameters,
  "Pop3Command#LAST": noParameters,
  "Pop3Command#RSET": noParameters,
  "Pop3Command#DELE": { good: [1], wrong: [NOT_NUMBERS] },
  "Pop3Command#RETR": { good: [1], wrong: [NOT_NUMBERS] },
  "Pop3Command#TOP": { good: [1], wrong: [NOT_NUMBERS, [null, -1, 1.5, NaN, SECRET, {}, true]] },
  "Pop3Command#QUIT": noParameters,
  "Pop3Client#command": {
    good: ["XTND"],
    wrong: [
      [...TEXTS, "RETR 1", "NOOP\r\nRSET"],
      [...RESPONSE, ...each({}, { multiline: SWITCHES })],
    ],
  },

  Pop3Pool: {
    good: [],
    wrong: [
      [
        ...NOT_OBJECTS,
        ...each({}, {
          maxSessions: [0],
          maxPerHost: ["5"],
          maxWaiting: [-1],
          idleTimeout: [-1],
          retryFor: ["5"],
          places: [5, {}],
          logger: LOGGERS,
        } satisfies Record<keyof popwright.Pop3PoolOptions, Wrong>),
      ],
    ],
  },
  "Pop3Pool#use": {
    good: [account, (): void => undefined],
    wrong: [CLIENT, FUNCTIONS, [...CALL, ...each({}, { retryFor: [-1, "5", null], fresh: SWITCHES })]],
  },
  "Pop3Pool#close": noParameters,

  fetchMail: {
    good: [account, good],
    wrong: [
      [...CLIENT, { host: "x" }],
      [undefined, ...NOT_OBJECTS, ...each(good, { ...RUN, destination: DESTINATION })],
    ],
  },
  fetchAll: {
    good: [[account], good],
    wrong: [
      [undefined, null, 5, {}],
      [
        undefined,
        ...NOT_OBJECTS,
        // A target may have a destination of its own.
        ...each(good, {
          ...MANY,
          destination: DESTINATION.slice(1),
          repeat: SWITCHES,
          maxSessions: [0, "5"],
          maxPerHost: [0, "5"],
          retryFirst: SWITCHES,
        } satisfies Record<keyof fetching.FetchAllOptions, Wrong>),
      ],
    ],
  },
  newMail: {
    good: [account, { ledger: good.ledger }],
    wrong: [
      [...CLIENT, { host: "x" }],
      [undefined, ...NOT_OBJECTS, ...each({ ledger: good.ledger }, { ...RUN, repeat: SWITCHES })],
    ],
  },
  messageKey: { good: ["ann@host:995", "1"], wrong: [TEXTS, NOT_TEXTS] },
  contentKey: { good: ["ann@host:995", "0".repeat(64)], wrong: [TEXTS, TEXTS] },
  deliverTo: {
    good: [(): void => undefined],
    wrong: [FUNCTIONS, [...NOT_OBJECTS, ...each({}, { limit: [-1, "5", null] })]],
  },

  Maildir: {
    good: ["x"],
    wrong: [TEXTS.filter((value) => typeof value !== "function"), [...NOT_OBJECTS, ...GROUPS]],
  },
  "Maildir#begin": begins,
  EmlFolder: {
    good: ["x"],
    wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { subfolder: [5] }), ...GROUPS]],
  },
  "EmlFolder#begin": begins,
  Mbox: {
    good: ["x"],
    wrong: [
      TEXTS.filter((value) => typeof value !== "function"),
      [...NOT_OBJECTS, ...each({}, { lockTimeout: [-1] })],
    ],
  },
  "Mbox#begin": beginsLate,
  Command: {
    good: ["x", []],
    wrong: [
      TEXTS,
      [null, 5, {}, SECRET, [5], [null]],
      [...NOT_OBJECTS, ...each({}, { timeout: ["5"], cwd: [5], env: [5], spool: [""] })],
    ],
  },
  "Command#begin": beginsLate,

  ImapAppend: {
    good: ["imaps://ann@x.example", IMAP],
    wrong: [
      [undefined, null, "", 5, {}, SECRET, "https://x.example", `imaps://ann:${SECRET}@x.example`],
      [
        undefined,
        ...NOT_OBJECTS,
        ...each(IMAP, {
          state: TEXTS,
          auth: [undefined, null, 5, SECRET, {}, { password: "" }, { password: SECRET, accessToken: SECRET }],
          tls: [null, 5, true, SECRET],
          starttls: [null, 5, SECRET, "never"],
          flags: [null, 5, SECRET, [5], [""], ["\\Recent"], ["a b"]],
          limit: [null, -1, 0, "5", {}],
          connections: [null, 0, 5, 1.5, "1"],
          timeout: [...TIMES, 0],
          settleTime: TIMES.filter((value) => value !== 0),
        } satisfies Record<keyof fetching.ImapAppendOptions, Wrong>),
      ],
    ],
  },
  "ImapAppend#begin": beginsLate,
  "ImapAppend#check": { good: [], wrong: [SIGNALS] },
  Webhook: {
    good: ["https://x.example"],
    wrong: [
      [undefined, null, "", 5, {}, SECRET, "http://x.example", `https://ann:${SECRET}@x.example`],
      [
        ...NOT_OBJECTS,
        ...each({}, {
          secrets: [null, 5, {}, [], "", SECRET, [SECRET], "whsec_AAAA"],
          headers: [null, 5, SECRET, [], { "a b": "c" }, { a: "\n" }, { a: 5 }, { "webhook-id": "1" }],
          format: [null, 5, SECRET, {}],
          timeout: TIMES,
          limit: [null, -1, "5", {}],
          allowPrivate: SWITCHES,
          lookup: FUNCTIONS.slice(1),
        } satisfies Record<keyof fetching.WebhookOptions, Wrong>),
      ],
    ],
  },
  "Webhook#begin": beginsLate,
  "Webhook#check": { good: [], wrong: [SIGNALS] },
  GmailImport: {
    good: ["ann@gmail.com", { accessToken: () => SECRET }],
    wrong: [
      [undefined, null, "", 5, {}, SECRET, "ann@x @y", "@gmail.com"],
      [
        ...NOT_OBJECTS.slice(1),
        undefined,
        {},
        ...each({ accessToken: () => SECRET }, {
          accessToken: [undefined, null, 5, SECRET, {}],
          state: [null, 5, "", {}],
          method: [null, 5, SECRET, {}],
          labels: [null, 5, SECRET, {}, [5], [""]],
          neverMarkSpam: SWITCHES,
          internalDateSource: [null, 5, SECRET, {}],
          processForCalendar: SWITCHES,
          limit: [null, -1, "5", {}],
          timeout: TIMES,
          api: [null, 5, SECRET, {}, "http://x.example", `https://ann:${SECRET}@x.example`],
        } satisfies Record<keyof fetching.GmailImportOptions, Wrong>),
        { accessToken: () => SECRET, method: "insert", neverMarkSpam: true },
      ],
    ],
  },
  "GmailImport#begin": beginsLate,
  "GmailImport#check": { good: [], wrong: [SIGNALS] },
  Lmtp: {
    good: ["lmtp://127.0.0.1", { recipient: "ann@example.com" }],
    wrong: [
      [undefined, null, "", 5, {}, SECRET, "http://x.example", `lmtp://ann:${SECRET}@x.example`],
      [
        undefined,
        ...NOT_OBJECTS,
        {},
        ...each({ recipient: "ann@example.com" }, {
          recipient: [undefined, null, 5, "", {}, [], `<${SECRET}>`],
          sender: [null, 5, {}, `<${SECRET}>`],
          auth: [null, 5, SECRET, [], {}, { password: 5 }, { password: SECRET }, { accessToken: SECRET }],
          starttls: [null, 5, SECRET, {}],
          tls: [null, 5, SECRET, []],
          limit: [null, -1, "5", {}],
          timeout: TIMES,
        } satisfies Record<keyof fetching.LmtpOptions, Wrong>),
      ],
    ],
  },
  "Lmtp#begin": beginsLate,
  "Lmtp#check": { good: [], wrong: [SIGNALS] },
  verifyWebhook: {
    good: [{}, Buffer.alloc(0), WEBHOOK_SECRET],
    wrong: [
      [undefined, ...NOT_OBJECTS],
      [undefined, ...NOT_OBJECTS, {}],
      [undefined, null, 5, {}, [], "", SECRET],
      [...NOT_OBJECTS, ...each({}, { tolerance: [-1, "5"] })],
    ],
  },

  FileLedger: {
    good: ["x"],
    wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { stale: ["5"], heartbeat: [0] })]],
  },
  "FileLedger#open": names,
  "FileLedger#read": names,
  "FileLedger#release": { good: ["ann@host:995"], wrong: [TEXTS, TEXTS.slice(1)] },
  "FileLedger#mailboxes": noParameters,
  "FileLedger#rename": { good: ["ann@host:995", "ann@host:110"], wrong: [TEXTS, TEXTS] },
  "FileLedger#delete": names,
  MemoryLedger: noParameters,
  "MemoryLedger#open": names,
  "MemoryLedger#read": names,
  "MemoryLedger#release": { good: ["ann@host:995"], wrong: [TEXTS, TEXTS.slice(1)] },
  "MemoryLedger#mailboxes": noParameters,
  "MemoryLedger#rename": { good: ["ann@host:995", "ann@host:110"], wrong: [TEXTS, TEXTS] },
  "MemoryLedger#delete": names,
  SqliteStore: {
    good: ["x"],
    wrong: [
      TEXTS,
      [...NOT_OBJECTS, ...each({}, { prefix: ["a b"], stale: ["5"], heartbeat: [0], busyTimeout: [-1] })],
    ],
  },
  "SqliteStore#open": {
    good: ["ann@host:995"],
    wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { signal: SIGNALS })]],
  },
  "SqliteStore#read": names,
  "SqliteStore#release": { good: ["ann@host:995"], wrong: [TEXTS, TEXTS.slice(1)] },
  "SqliteStore#mailboxes": noParameters,
  "SqliteStore#rename": { good: ["ann@host:995", "ann@host:110"], wrong: [TEXTS, TEXTS] },
  "SqliteStore#delete": names,
  "SqliteStore#deliver": {
    good: [(): void => undefined],
    wrong: [
      [...FUNCTIONS, async () => Promise.resolve()],
      [...NOT_OBJECTS, ...each({}, { limit: [-1] })],
    ],
  },
  "SqliteStore#close": noParameters,

  PostgresStore: {
    good: [UNUSED_POOL],
    wrong: [NOT_OBJECTS, [...NOT_OBJECTS, ...each({}, { schema: ["a b"], stale: ["5"], heartbeat: [0] })]],
  },
  "PostgresStore#migrate": noParameters,
  "PostgresStore#open": {
    good: ["ann@host:995"],
    wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { signal: SIGNALS })]],
  },
  "PostgresStore#read": names,
  "PostgresStore#release": { good: ["ann@host:995"], wrong: [TEXTS, TEXTS.slice(1)] },
  "PostgresStore#mailboxes": noParameters,
  "PostgresStore#rename": { good: ["ann@host:995", "ann@host:110"], wrong: [TEXTS, TEXTS] },
  "PostgresStore#delete": names,
  "PostgresStore#deliver": {
    good: [(): void => undefined],
    wrong: [FUNCTIONS, [...NOT_OBJECTS, ...each({}, { limit: [-1] })]],
  },
  "PostgresStore#close": noParameters,

  Fleet: {
    good: [{ redis: UNUSED_REDIS }],
    wrong: [[...NOT_OBJECTS, ...each({ redis: UNUSED_REDIS }, FLEET)]],
  },
  "Fleet#add": { good: ["42"], wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { at: [-1, SECRET] })]] },
  "Fleet#remove": { good: ["42"], wrong: [TEXTS] },
  "Fleet#pause": { good: ["42"], wrong: [TEXTS] },
  "Fleet#resume": { good: ["42"], wrong: [TEXTS] },
  "Fleet#pollNow": { good: ["42"], wrong: [TEXTS] },
  "Fleet#mailbox": { good: ["42"], wrong: [TEXTS] },
  "Fleet#reconcile": {
    good: [["42"]],
    wrong: [
      [undefined, 5, SECRET, {}],
      [...NOT_OBJECTS, ...each({}, { spread: [-1, "5"] })],
    ],
  },
  "Fleet#status": noParameters,
  "Fleet#close": noParameters,
  createFetchWorker: {
    good: [FETCH_WORKER],
    wrong: [
      [
        ...NOT_OBJECTS,
        ...each(FETCH_WORKER, {
          ...FLEET,
          account: FUNCTIONS,
          ledger: [undefined, null, 5, SECRET, {}],
          destination: [undefined, null, 5, SECRET, {}],
          policy: NOT_OBJECTS,
          concurrency: [null, 0, 1.5, SECRET],
          maxPerHost: [null, 0, 1.5, SECRET],
          lock: [null, 0, 1.5, SECRET],
          onPoll: CALLBACKS,
          onEvent: CALLBACKS,
          logger: LOGGERS,
        } satisfies Record<keyof fleets.FetchWorkerOptions, Wrong>),
      ],
    ],
  },

  RedisLedger: {
    good: [UNUSED_REDIS],
    wrong: [
      NOT_CLIENTS,
      [...NOT_OBJECTS, ...each({}, { prefix: ["a b"], stale: ["5"], heartbeat: [0], timeout: [0.5] })],
    ],
  },
  "RedisLedger#open": {
    good: ["ann@host:995"],
    wrong: [TEXTS, [...NOT_OBJECTS, ...each({}, { signal: SIGNALS })]],
  },
  "RedisLedger#read": names,
  "RedisLedger#release": { good: ["ann@host:995"], wrong: [TEXTS, TEXTS.slice(1)] },
  "RedisLedger#mailboxes": noParameters,
  "RedisLedger#rename": { good: ["ann@host:995", "ann@host:110"], wrong: [TEXTS, TEXTS] },
  "RedisLedger#delete": names,
  RedisPlaces: {
    good: [UNUSED_REDIS],
    wrong: [NOT_CLIENTS, [...NOT_OBJECTS, ...each({}, { prefix: ["a b"], lifetime: ["5"], timeout: [0] })]],
  },
  "RedisPlaces#take": {
    good: [PLACE_REQUEST],
    wrong: [
      [
        ...NOT_OBJECTS,
        ...each(PLACE_REQUEST, {
          host: TEXTS,
          maildrop: TEXTS,
          limit: [null, 0, SECRET, {}],
          signal: SIGNALS.filter((signal) => signal !== undefined),
        } satisfies Record<keyof popwright.PlaceRequest, Wrong>),
      ],
    ],
  },
  "RedisPlaces#hosts": noParameters,

  requestToken: {
    good: [{ ...tokenServer, grant: { grant_type: "x" } }],
    wrong: [
      [
        undefined,
        ...NOT_OBJECTS,
        ...each({ ...tokenServer, grant: { grant_type: "x" } }, {
          ...TOKEN_SERVER,
          grant: [undefined, null, SECRET, [], {}, { grant_type: "x", code: 5 }],
          signal: SIGNALS,
        } satisfies Record<keyof oauth2.TokenRequestOptions, Wrong>),
      ],
    ],
  },
  refreshedToken: {
    good: [refreshing],
    wrong: [
      [
        undefined,
        ...NOT_OBJECTS,
        ...each(refreshing, {
          ...TOKEN_SERVER,
          refreshToken: [undefined, null, "", 5, {}, [SECRET]],
          scope: TEXTS.slice(1),
          onToken: FUNCTIONS,
          margin: [null, -1, "5", {}],
        } satisfies Record<keyof oauth2.RefreshedTokenOptions, Wrong>),
      ],
    ],
  },
  clientCredentials: {
    good: [{ ...tokenServer, clientSecret: SECRET, scope: "mail" }],
    wrong: [
      [
        undefined,
        ...NOT_OBJECTS,
        ...each({ ...tokenServer, clientSecret: SECRET, scope: "mail" }, {
          ...TOKEN_SERVER,
          clientSecret: [undefined, null, "", 5, {}, [SECRET]],
          scope: TEXTS,
          margin: [null, -1, "5", {}],
        } satisfies Record<keyof oauth2.ClientCredentialsOptions, Wrong>),
      ],
    ],
  },

  parseMessage: {
    good: [Buffer.alloc(0)],
    wrong: [
      [undefined, ...NOT_OBJECTS, {}, Readable.from([SECRET])],
      [
        ...NOT_OBJECTS,
        ...each({}, {
          maxMessageSize: TIMES,
          maxHeaderSize: TIMES,
          maxParts: TIMES,
          maxHtmlLengthToParse: TIMES,
          skipHtmlToText: SWITCHES,
          skipTextToHtml: SWITCHES,
          skipImageLinks: SWITCHES,
          skipTextLinks: SWITCHES,
          keepDeliveryStatus: SWITCHES,
          signal: SIGNALS,
        } satisfies Record<keyof parsing.ParseOptions, Wrong>),
      ],
    ],
  },
  parseHeaders: {
    good: [Buffer.alloc(0)],
    wrong: [
      [undefined, ...NOT_OBJECTS, {}],
      [...NOT_OBJECTS, ...each({}, { maxHeaderSize: TIMES })],
    ],
  },
  decodeCharset: { good: [Buffer.alloc(0), "utf-8"], wrong: [[undefined, ...NOT_OBJECTS, {}], NOT_TEXTS] },
  "MessageHeaders#get": text,
  "MessageHeaders#getAll": text,
  "MessageHeaders#has": text,

  "Pop3Server.listen": { good: [], wrong: [SERVER] },
  "Pop3Server.replay": { good: [["S: +OK"]], wrong: [TRANSCRIPT, REPLAY] },
  "Pop3Server#maildrop": { good: ["ann"], wrong: [NOT_TEXTS.slice(1)] },
  "Pop3Server#options": { good: ["ann"], wrong: [NOT_TEXTS.slice(1)] },
  crlf: { good: ["x"], wrong: [NOT_TEXTS.slice(1).filter((value) => value !== "")] },
  "Pop3Server#fault": { good: [{ on: "RETR", reset: 1 }], wrong: [[undefined, ...FAULT]] },
  "ReplayServer.listen": { good: [["S: +OK"], {}], wrong: [TRANSCRIPT, [undefined, ...REPLAY]] },
  "Listener#close": noParameters,
  "Listener#idle": noParameters,
  "Maildrop#add": { good: ["Subject: x\r\n"], wrong: [NOT_MESSAGES, [...NOT_TEXTS.slice(1), "a\r\nb"]] },
  "Maildrop#remove": text,
  "Maildrop#open": noParameters,
  "Accounts#find": text,
  "Accounts#certified": text,
  "Accounts#prepare": text,
  "Accounts#verify": { good: ["ann", "x"], wrong: [NOT_TEXTS, NOT_TEXTS] },
  "Accounts#verifyToken": { good: ["ann", "x"], wrong: [NOT_TEXTS.slice(1), NOT_TEXTS] },
  ledgerContract: {
    good: [() => new MemoryLedger()],
    wrong: [
      FUNCTIONS,
      [
        ...NOT_OBJECTS,
        ...each({}, {
          reopen: CALLBACKS,
          expire: CALLBACKS,
          failWrites: CALLBACKS,
          tear: CALLBACKS,
          noticesLoss: SWITCHES,
          loneSurrogates: SWITCHES,
          remove: CALLBACKS,
          timeout: TIMES,
        } satisfies Record<keyof testing.LedgerContractOptions, Wrong>),
      ],
    ],
  },
  destinationContract: {
    good: [() => fetching.deliverTo(() => undefined)],
    wrong: [
      FUNCTIONS,
      [
        ...NOT_OBJECTS,
        ...each({}, {
          messages: CALLBACKS,
          keeps: [null, 5, true, SECRET, {}, []],
          contents: CALLBACKS,
          refusesEmpty: SWITCHES,
          knowsKeys: SWITCHES,
          respectsFences: SWITCHES,
          reopen: CALLBACKS,
          failWrites: CALLBACKS,
          refuse: CALLBACKS,
          ledger: CALLBACKS,
          remove: CALLBACKS,
          timeout: TIMES,
        } satisfies Record<keyof testing.DestinationContractOptions, Wrong>),
      ],
    ],
  },
  makeCertificate: {
    good: [],
    wrong: [
      [
        ...NOT_OBJECTS,
        ...each({}, {
          names: [null, 5, SECRET, {}, [5], [""]],
          commonName: NOT_TEXTS.slice(1),
          notBefore: NOT_DATES,
          notAfter: NOT_DATES,
        } satisfies Record<keyof testing.CertificateOptions, Wrong>),
      ],
    ],
  },
};

type Callable = (...args: readonly unknown[]) => unknown;
type Constructable = new (...args: readonly unknown[]) => object;

const isClass = (value: unknown): value is Constructable =>
  typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));

const headers = await parsing.parseHeaders(Buffer.from("Subject: hello\r\n\r\n"));

/** Classes that the user does not make: calls return their objects. */
const RETURNED = {
  MessageHeaders: headers.constructor,
  Listener: Object.getPrototypeOf(testing.Pop3Server) as unknown,
  ReplayServer,
  Maildrop,
  Accounts,
};

/** They are private or protected. */
const NOT_PUBLIC = ["Pop3Server", "Listener#open"];

/** Every function, constructor and method of the entries; the errors are not called by the user. */
function* publicCalls(): Generator<readonly [name: string, made: Callable | Constructable]> {
  for (const [name, value] of Object.entries({
    ...popwright,
    ...fetching,
    Pop3Command,
    ...oauth2,
    ...parsing,
    ...postgres,
    ...fleets,
    ...redis,
    ...sqlite,
    ...testing,
    ...RETURNED,
  })) {
    if (typeof value !== "function" || value.prototype instanceof Error) continue;
    if (!(name in RETURNED) && !NOT_PUBLIC.includes(name)) yield [name, value as unknown as Callable];
    if (!isClass(value)) continue;
    for (const [mark, holder] of [
      [".", value],
      ["#", value.prototype as object],
    ] as const) {
      for (const [key, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(holder)))
        if (
          typeof method === "function" &&
          key !== "constructor" &&
          !NOT_PUBLIC.includes(`${name}${mark}${key}`)
        )
          yield [`${name}${mark}${key}`, method as Callable];
    }
  }
}

const calls = new Map(publicCalls());

test("every public function, constructor and method has a row, and every row its function", () => {
  const file = "test/tables/arguments.test.ts";
  expect(
    [...calls.keys()]
      .filter((name) => !Object.hasOwn(TABLE, name))
      .map((name) => `${name} has no row: add one to TABLE in ${file}`),
  ).toEqual([]);
  expect(
    Object.keys(TABLE)
      .filter((name) => !calls.has(name))
      .map((name) => `there is no ${name}: remove its row from TABLE in ${file}`),
  ).toEqual([]);
});

let server: Pop3Server;
let directory: string;
beforeAll(async () => {
  server = await listen({ tls: true });
  directory = await newDirectory();
});
afterAll(() => server.close());

/** The object whose method is called. */
async function subjectOf(type: string, state: Row["state"]): Promise<object> {
  switch (type) {
    case "Pop3Client":
      return Pop3Client.connect(to(server, state === undefined ? { auth } : {}));
    case "Pop3Command":
      return new Pop3Command({ host: server.host, port: server.port, tls: true });
    case "Pop3Pool":
      return new Pop3Pool();
    case "Maildir":
      return new Maildir(directory);
    case "EmlFolder":
      return new EmlFolder(directory);
    case "Mbox":
      return new Mbox(`${directory}/mbox`);
    case "Command":
      return new Command(process.execPath);
    case "ImapAppend":
      return new fetching.ImapAppend("imaps://ann@127.0.0.1:1", { ...IMAP, state: directory });
    case "Webhook":
      return new fetching.Webhook("https://127.0.0.1:1");
    case "GmailImport":
      return new fetching.GmailImport("ann@gmail.com", {
        accessToken: () => SECRET,
        api: "https://127.0.0.1:1",
      });
    case "FileLedger":
      return new FileLedger(directory);
    case "Fleet":
      return new fleets.Fleet({ redis: UNUSED_REDIS });
    case "RedisLedger":
      return new redis.RedisLedger(UNUSED_REDIS);
    case "RedisPlaces":
      return new redis.RedisPlaces(UNUSED_REDIS);
    case "PostgresStore":
      return new postgres.PostgresStore(UNUSED_POOL);
    case "SqliteStore":
      return new sqlite.SqliteStore(UNUSED);
    case "Pop3Server":
      return server;
    case "Maildrop":
      return server.maildrop("ann");
    case "Accounts":
      return new Accounts({}, true);
    case "MessageHeaders":
      return headers;
    default:
      return new MemoryLedger();
  }
}

/** What became of a call: of a promise, of the first step of a loop, or of a stream. */
async function settled(result: unknown): Promise<unknown> {
  if (result instanceof Readable) return result.toArray();
  const value = await result;
  if (typeof value === "object" && value !== null && Symbol.asyncIterator in value)
    return (value as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
  return value;
}

describe.each(Object.entries(TABLE).filter(([, { wrong }]) => wrong.length > 0))("%s", (name, row) => {
  const [type = "", method] = name.split(/[.#]/);

  test.each(row.wrong.map((_values, index) => index))(
    "refuses wrong values of parameter %d",
    async (index) => {
      const subject = name.includes("#") ? await subjectOf(type, row.state) : undefined;
      const before = said(server).length;
      const faults: string[] = [];
      for (const value of row.wrong[index] ?? []) {
        const args = [...row.good];
        // A parameter before it that was left out.
        while (args.length < index) args.push(undefined);
        args[index] = value;
        const error = await Promise.resolve()
          .then(() => {
            const made = calls.get(name) as Callable & Constructable;
            if (method === undefined && isClass(made)) return new made(...args);
            return settled(made.apply(subject, args));
          })
          .then(
            (resolved) => ({ code: "resolved", message: inspect(resolved) }),
            (thrown: unknown) => thrown as Pop3Error,
          );
        const { code, message } = error;
        const refused = Pop3Error.is(error) && ["POP3_INVALID_ARGUMENT", "POP3_CONFIG"].includes(code);
        if (!refused || message.includes(SECRET) || !HELPFUL.test(message))
          faults.push(inspect([value, code, message], { breakLength: Infinity }));
      }
      expect(faults).toEqual([]);
      expect(said(server).slice(before)).toEqual([]);
      if (subject instanceof Pop3Client) subject.close();
    },
  );
});
