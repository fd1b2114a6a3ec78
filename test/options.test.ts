// What can be configured: defaults, what is wrong and said before anything is sent, and URLs; without a secret in any message.
import { inspect } from "node:util";
import fc from "./support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { checkAuth, DEFAULT_SCRAM, type Pop3Auth } from "../src/options/auth.ts";
import { Pop3Error } from "../src/errors.ts";
import {
  completeOptions,
  DEFAULT_LIMITS,
  DEFAULT_TIMEOUTS,
  DEFAULT_WINDOW,
  type Pop3ClientOptions,
} from "../src/options/client.ts";
import { parseUrl } from "../src/options/url.ts";
import { always } from "./support/octets.ts";

const host = "pop.example.com";
const auth = { user: "ann", pass: "hunter2" };
const CONFIG = expect.objectContaining({ name: "Pop3Error", code: "POP3_CONFIG" }) as Error;

/** Options as a caller without a type checker may give them. */
const given = (options: unknown): Pop3ClientOptions => options as Pop3ClientOptions;

describe("defaults", () => {
  test("TLS from the first octet, port 995, no secret in clear text", () => {
    expect(completeOptions({ host })).toEqual({
      host,
      port: 995,
      secure: true,
      stls: "never",
      auth: undefined,
      utf8: false,
      capa: true,
      allowPlaintextAuth: false,
      tls: {},
      socket: undefined,
      proxy: undefined,
      localAddress: undefined,
      family: undefined,
      lookup: undefined,
      timeouts: DEFAULT_TIMEOUTS,
      limits: DEFAULT_LIMITS,
      window: DEFAULT_WINDOW,
      listings: "lenient",
      logUser: true,
      logger: undefined,
      id: undefined,
    });
  });

  test("the tables", () => {
    expect(DEFAULT_TIMEOUTS).toEqual({
      connect: 30_000,
      tls: 15_000,
      greeting: 30_000,
      command: 60_000,
      body: 60_000,
      total: 3_600_000,
      quit: 10_000,
      drain: 10_000,
    });
    expect(DEFAULT_LIMITS).toEqual({
      line: 8192,
      commandLine: 255,
      listEntries: 1_000_000,
      listOctets: 134_217_728,
      capabilityLines: 256,
      capabilityOctets: 65_536,
      challenge: 16_384,
      challenges: 16,
      message: 67_108_864,
      drain: 8_388_608,
      minRate: 512,
    });
    expect(DEFAULT_WINDOW).toEqual({ octets: 4_194_304, commandOctets: 4096 });
    expect(DEFAULT_SCRAM).toEqual({ minIterations: 4096, maxIterations: 100_000 });
  });

  test.each([
    [{ host, secure: true }, 995, "never", false],
    [{ host, secure: true, stls: "never" }, 995, "never", false],
    [{ host, secure: false }, 110, "required", false],
    [{ host, secure: false, stls: "if-offered" }, 110, "if-offered", false],
    [{ host, secure: false, stls: "never" }, 110, "never", true],
    [{ host, secure: false, stls: "never", allowPlaintextAuth: false }, 110, "never", false],
    [{ host, secure: false, allowPlaintextAuth: true }, 110, "required", true],
    [{ host, secure: false, port: 2110 }, 2110, "required", false],
    [{ host, port: 110 }, 110, "never", false],
  ] satisfies [Pop3ClientOptions, number, string, boolean][])(
    "%o",
    (options, port, stls, allowPlaintextAuth) => {
      expect(completeOptions(options)).toMatchObject({ port, stls, allowPlaintextAuth });
    },
  );
});

describe("what is given", () => {
  test("takes the place of the defaults, one by one", () => {
    const timeouts = { command: 5, body: Infinity, quit: undefined };
    const limits = { message: Infinity, minRate: 0 };
    const settings = completeOptions(given({ host, timeouts, limits, pipelining: { octets: 1000 } }));
    expect(settings.timeouts).toEqual({ ...DEFAULT_TIMEOUTS, command: 5, body: Infinity });
    expect(settings.limits).toEqual({ ...DEFAULT_LIMITS, message: Infinity, minRate: 0 });
    expect(settings.window).toEqual({ octets: 1000, commandOctets: 4096 });
  });

  test("leaves the defaults as they are", () => {
    const before = JSON.stringify([DEFAULT_TIMEOUTS, DEFAULT_LIMITS, DEFAULT_WINDOW]);
    completeOptions({ host, timeouts: { command: 5 }, limits: { line: 5 }, pipelining: { octets: 5 } });
    expect(JSON.stringify([DEFAULT_TIMEOUTS, DEFAULT_LIMITS, DEFAULT_WINDOW])).toBe(before);
  });

  test.each([
    ["auto", DEFAULT_WINDOW],
    [undefined, DEFAULT_WINDOW],
    [{}, DEFAULT_WINDOW],
    [{ commandOctets: 100 }, { octets: 4_194_304, commandOctets: 100 }],
    [false, undefined],
  ])("pipelining %o", (pipelining, window) => {
    expect(completeOptions(given({ host, pipelining })).window).toEqual(window);
  });

  test("of a host that is undefined points to the environment", () => {
    const env: NodeJS.ProcessEnv = {};
    expect(() => completeOptions({ host: env["POP3_HOST"] as string })).toThrow(
      "host is undefined: if it comes from an environment variable, is that set?",
    );
  });

  test("is handed on as it is", () => {
    const tls = { servername: "mail.example.com" };
    const lookup = (): void => undefined;
    const pass = (): string => "hunter2";
    const settings = completeOptions({
      host,
      tls,
      lookup,
      family: 6,
      localAddress: "::1",
      auth: { user: "ann", pass },
    });
    expect(settings).toMatchObject({
      tls,
      lookup,
      family: 6,
      localAddress: ["::1"],
      auth: { user: "ann", pass },
    });
  });

  test.each<[string, Pick<Pop3ClientOptions, "localAddress" | "family">, string]>([
    ["a name", { localAddress: "localhost" }, "localAddress must be an IP address of this machine"],
    ["a port", { localAddress: "127.0.0.1:80" }, "localAddress must be an IP address of this machine"],
    ["an item", { localAddress: ["127.0.0.1", "eth0"] }, "localAddress[1] must be an IP address"],
    ["an empty list", { localAddress: [] }, "localAddress must list at least one IP address"],
    ["both versions", { localAddress: ["127.0.0.1", "::1"] }, "addresses of one version of IP (got both)"],
    ["the other version", { localAddress: "::1", family: 4 }, "has an IPv6 address, but family is 4"],
  ])("local addresses that cannot work are refused: %s", (_, options, message) => {
    expect(() => completeOptions({ host, ...options })).toThrow(message);
  });

  test("local addresses may be a list, with a zone", () => {
    const localAddress = ["fe80::1%eth0", "2001:db8::1"];
    expect(completeOptions({ host, localAddress, family: 6 }).localAddress).toEqual(localAddress);
  });

  test.each([
    "pop.example.com",
    "localhost",
    "127.0.0.1",
    "::1",
    "fe80::1%eth0",
    "xn--nxasmq6b.example",
    "under_score",
  ])("host %s", (name) => {
    expect(completeOptions({ host: name }).host).toBe(name);
  });

  test.each([1, 995, 65_535])("port %i", (port) => {
    expect(completeOptions({ host, port }).port).toBe(port);
  });
});

describe("what a login needs", () => {
  const PASSWORD = [
    ...["USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"],
    ...["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((name) => [name, `${name}-PLUS`]),
  ];
  const TOKEN = ["XOAUTH2", "OAUTHBEARER"];
  const NONE = ["EXTERNAL", "GSSAPI", "ANONYMOUS"];
  const token = { user: "ann", accessToken: "hunter2" };
  const check = (value: object): void => {
    checkAuth(value);
  };

  test.each(PASSWORD)("%s: user and pass", (mechanism) => {
    for (const name of [mechanism, mechanism.toLowerCase()]) {
      expect(() => check({ ...auth, mechanism: name })).not.toThrow();
      expect(() => check({ ...token, mechanism: name })).toThrow("auth.pass");
      expect(() => check({ pass: "hunter2", mechanism: name })).toThrow("auth.user");
      expect(() => check({ mechanisms: ["EXTERNAL", name] })).toThrow(CONFIG);
    }
  });

  test.each(TOKEN)("%s: user and accessToken", (mechanism) => {
    for (const name of [mechanism, mechanism.toLowerCase()]) {
      expect(() => check({ ...token, mechanism: name })).not.toThrow();
      expect(() => check({ ...auth, mechanism: name })).toThrow("auth.accessToken");
      expect(() => check({ accessToken: "hunter2", mechanism: name })).toThrow("auth.user");
      expect(() => check({ ...token, mechanisms: [name, "PLAIN"] })).toThrow("auth.pass");
      expect(() => check({ ...token, ...auth, mechanisms: [name, "PLAIN"] })).not.toThrow();
    }
  });

  test.each(NONE)("%s: nothing", (mechanism) => {
    expect(() => check({ mechanism })).not.toThrow();
    expect(() => check({ mechanism: mechanism.toLowerCase(), user: "ann" })).not.toThrow();
  });

  test.each([
    ["password", auth],
    [undefined, auth],
    ["token", token],
    ["none", {}],
  ] as const)("a custom mechanism that takes %s", (secret, needed) => {
    const start = (): { respond: () => Buffer } => ({ respond: () => Buffer.alloc(0) });
    const mechanism = { name: "X-OWN", cleartext: false, start, ...(secret !== undefined && { secret }) };
    expect(() => check({ ...needed, mechanism })).not.toThrow();
    if (secret !== "none") expect(() => check({ mechanism })).toThrow(CONFIG);
  });

  test("left to us: what there is tells", () => {
    expect(() => check(auth)).not.toThrow();
    expect(() => check(token)).not.toThrow();
    expect(() => check({ user: "ann" })).toThrow("auth.pass");
    expect(() => check({ user: "ann", mechanisms: [] })).toThrow("auth.pass");
    expect(() => check({ ...auth, mechanism: undefined, mechanisms: undefined })).not.toThrow();
  });

  test("everything that can be said of it", () => {
    const value: Pop3Auth = {
      ...{ ...auth, authzid: "bob", mechanisms: ["SCRAM-SHA-256-PLUS", "PLAIN"], force: true },
      ...{ initialResponse: false, channelBinding: "if-offered", charset: "koi8-r" },
      bindingTypes: ["tls-server-end-point", "tls-unique", "tls-exporter"],
      scram: { minIterations: 1, maxIterations: Infinity },
    };
    expect(completeOptions({ host, auth: value, utf8: true })).toMatchObject({ auth: value, utf8: true });
  });
});

describe("what is wrong is said before anything is sent", () => {
  test.each([undefined, null, 5, true])("%o in place of options", (options) => {
    expect(() => completeOptions(given(options))).toThrow(CONFIG);
  });

  test.each([
    ...[{}, { host: undefined }, { host: "" }, { host: 5 }, { host: [host] }, { host: " " }, { host: "a b" }],
    ...[
      { host: "a\r\nDELE 1" },
      { host: "a\0" },
      { host: "a/b" },
      { host: "ann:hunter2@a" },
      { host: "a\x7f" },
    ],
  ])("%o as a host", (options) => {
    expect(() => completeOptions(given(options))).toThrow(CONFIG);
  });

  test.each([0, -1, 65_536, 1.5, NaN, Infinity, "995", "", {}, [995]])("%o as a port", (port) => {
    expect(() => completeOptions(given({ host, port }))).toThrow(CONFIG);
  });

  test.each([
    [{ secure: true, stls: "required" }],
    [{ secure: true, stls: "if-offered" }],
    [{ stls: "required" }],
    [{ secure: false, stls: "always" }],
    [{ secure: false, stls: true }],
    [{ secure: false, stls: "REQUIRED" }],
    [{ secure: false, stls: "" }],
    [{ secure: "false" }],
    [{ secure: "no" }],
    [{ secure: 1 }],
    // A string, such as one from the environment, is not consent.
    [{ allowPlaintextAuth: "false" }],
    [{ allowPlaintextAuth: 1 }],
  ])("%o about TLS", (options) => {
    expect(() => completeOptions(given({ host, ...options }))).toThrow(CONFIG);
  });

  test.each([
    ...[null, "ann", 5, true, [], [auth], {}, { user: "ann" }, { pass: "hunter2" }],
    ...["", 5, null, ["ann"]].map((user) => ({ user, pass: "hunter2" })),
    ...["", 5, null, Buffer.from("hunter2")].map((pass) => ({ user: "ann", pass })),
    ...["", 5, null, Buffer.from("hunter2")].map((accessToken) => ({ user: "ann", accessToken })),
    // What is not needed may not be nonsense either.
    { ...auth, accessToken: "" },
    { user: "ann", accessToken: "hunter2", pass: "" },
    { user: "", mechanism: "EXTERNAL" },
    { accessToken: "hunter2" },
    { accessToken: () => "hunter2" },
  ])("%o as auth", (value) => {
    expect(() => completeOptions(given({ host, auth: value }))).toThrow(CONFIG);
  });

  test.each<object>([
    ...["", "NOPE", "constructor", "SCRAM-SHA-224", 5, null, {}].map((mechanism) => ({ mechanism })),
    { mechanism: { name: "X-OWN", cleartext: false } },
    { mechanism: { name: "X-OWN", cleartext: false, start: "now" } },
    ...["PLAIN", {}, 5, null, [null], [undefined], [[]], ["PLAIN", "NOPE"]].map((mechanisms) => ({
      mechanisms,
    })),
    ...[5, null, ["bob"]].map((authzid) => ({ authzid })),
    ...["yes", 1, null].flatMap((value) => [{ force: value }, { initialResponse: value }]),
    ...["always", "REQUIRED", "", true, null].map((channelBinding) => ({ channelBinding })),
    ...["tls-exporter", {}, null, ["tls-nothing"], ["tls-exporter", null], ["TLS-UNIQUE"]].map(
      (bindingTypes) => ({ bindingTypes }),
    ),
    ...["", 5, null, ["latin1"]].map((charset) => ({ charset })),
    ...[null, 5, "slow", []].map((scram) => ({ scram })),
    ...[-1, NaN, "5", null].flatMap((count) => [
      { scram: { minIterations: count } },
      { scram: { maxIterations: count } },
    ]),
    { scram: { iterations: 4096 } },
    { scram: { constructor: 4096 } },
  ])("%o about the login", (options) => {
    expect(() => completeOptions(given({ host, auth: { ...auth, ...options } }))).toThrow(CONFIG);
    expect(() => {
      checkAuth({ ...auth, ...options });
    }).toThrow(CONFIG);
  });

  test.each(["yes", 1, null, "false"])("utf8, capa: %o", (value) => {
    expect(() => completeOptions(given({ host, utf8: value }))).toThrow(CONFIG);
    expect(() => completeOptions(given({ host, capa: value }))).toThrow(CONFIG);
  });

  test.each(["Strict", true, null, 1])("listings: %o", (value) => {
    expect(() => completeOptions(given({ host, listings: value }))).toThrow(CONFIG);
  });

  test.each([-1, NaN, "5", null, {}, -Infinity, 0])("%o as a time-out", (value) => {
    for (const name of Object.keys(DEFAULT_TIMEOUTS)) {
      expect(() => completeOptions(given({ host, timeouts: { [name]: value } }))).toThrow(CONFIG);
    }
  });

  test.each([-1, NaN, "5", null, {}, -Infinity])("%o as a limit", (value) => {
    for (const name of Object.keys(DEFAULT_LIMITS)) {
      expect(() => completeOptions(given({ host, limits: { [name]: value } }))).toThrow(CONFIG);
    }
    for (const name of Object.keys(DEFAULT_WINDOW)) {
      expect(() => completeOptions(given({ host, pipelining: { [name]: value } }))).toThrow(CONFIG);
    }
  });

  test.each(["timeouts", "limits", "pipelining"])("a name that %s do not have", (what) => {
    for (const name of ["bodi", "Command", "toString", "constructor", "hasOwnProperty", "0"]) {
      expect(() => completeOptions(given({ host, [what]: { [name]: 5 } }))).toThrow(
        `unknown option ${what}.${name}`,
      );
    }
    const own = JSON.parse('{"__proto__": 5}') as object;
    expect(() => completeOptions(given({ host, [what]: own }))).toThrow(CONFIG);
  });

  test.each([null, 5, true, "slow"])("%o in place of a table", (value) => {
    expect(() => completeOptions(given({ host, timeouts: value }))).toThrow(CONFIG);
    expect(() => completeOptions(given({ host, limits: value }))).toThrow(CONFIG);
  });

  test.each([true, 5, "always", "AUTO"])("%o as pipelining", (pipelining) => {
    expect(() => completeOptions(given({ host, pipelining }))).toThrow(CONFIG);
  });

  test.each([5, 0, "4", "IPv6"])("%o as a version of IP", (family) => {
    expect(() => completeOptions(given({ host, family }))).toThrow(CONFIG);
  });

  test("a socket and a proxy", () => {
    const options = { host, socket: () => undefined, proxy: "socks5://127.0.0.1" };
    expect(() => completeOptions(given(options))).toThrow(CONFIG);
  });
});

describe("URLs", () => {
  test.each([
    ["pop3s://pop.example.com", { host, secure: true }],
    ["pops://pop.example.com", { host, secure: true }],
    ["pop3://pop.example.com", { host, secure: false }],
    ["pop://pop.example.com", { host, secure: false }],
    ["POP3S://pop.example.com/", { host, secure: true }],
    ["pop3s://pop.example.com:9995", { host, secure: true, port: 9995 }],
    ["pop3s://pop.example.com:995", { host, secure: true, port: 995 }],
    ["pop3://pop.example.com:110/", { host, secure: false, port: 110 }],
    ["pop3s://[::1]", { host: "::1", secure: true }],
    ["pop3s://[2001:db8::1]:995", { host: "2001:db8::1", secure: true, port: 995 }],
    ["pop3://127.0.0.1:2110", { host: "127.0.0.1", secure: false, port: 2110 }],
    ["pop3://pop.example.com?stls=never", { host, secure: false, stls: "never" }],
    ["pop3://pop.example.com/?stls=if-offered", { host, secure: false, stls: "if-offered" }],
    ["pop3s://ann:hunter2@pop.example.com", { host, secure: true, auth }],
    [
      "pop3s://ann%40example.com:p%3Aa%2Fs%40s%25@pop.example.com",
      { host, secure: true, auth: { user: "ann@example.com", pass: "p:a/s@s%" } },
    ],
    [
      "pop3s://Gr%C3%B6%C3%9Fe:%E6%BC%A2%E5%AD%97+x@pop.example.com",
      { host, secure: true, auth: { user: "Größe", pass: "漢字+x" } },
    ],
    ["pop3s://ann@pop.example.com", { host, secure: true, auth: { user: "ann" } }],
    [
      "pop3s://ann;auth=EXTERNAL@pop.example.com",
      { host, secure: true, auth: { user: "ann", mechanism: "EXTERNAL" } },
    ],
    [
      "pop://ann;auth=+APOP:hunter2@pop.example.com",
      { host, secure: false, auth: { ...auth, mechanism: "APOP" } },
    ],
    ["pop://ann;AUTH=*:hunter2@pop.example.com", { host, secure: false, auth }],
    [
      "pop://ann;AUTH=plain:hunter2@pop.example.com",
      { host, secure: false, auth: { ...auth, mechanism: "PLAIN" } },
    ],
    [
      "pop://ann;AUTH=SCRAM-SHA-256:hunter2@pop.example.com",
      { host, secure: false, auth: { ...auth, mechanism: "SCRAM-SHA-256" } },
    ],
    // Its lower case is two characters.
    [
      "pop://%C4%B0;auth=plain:hunter2@pop.example.com",
      { host, secure: false, auth: { user: "İ", pass: "hunter2", mechanism: "PLAIN" } },
    ],
  ])("%s", (url, options) => {
    expect(parseUrl(url)).toEqual(options);
    expect(parseUrl(new URL(url))).toEqual(options);
  });

  test("are completed like any options", () => {
    const settings = completeOptions("pop3://ann:hunter2@pop.example.com?stls=never");
    expect(settings).toMatchObject({
      host,
      port: 110,
      secure: false,
      stls: "never",
      auth,
      allowPlaintextAuth: true,
    });
    expect(completeOptions(new URL("pop3s://pop.example.com"))).toEqual(completeOptions({ host }));
  });

  test("TLS is required unless it says otherwise", () => {
    expect(completeOptions("pop3://pop.example.com")).toMatchObject({
      stls: "required",
      allowPlaintextAuth: false,
    });
    expect(completeOptions("pop://pop.example.com")).toMatchObject({
      stls: "required",
      allowPlaintextAuth: false,
    });
  });

  test.each([
    ...[
      "",
      "pop.example.com",
      "//pop.example.com",
      "pop3s:",
      "pop3s://",
      "pop3s:///",
      "pop3s:pop.example.com",
      // A cedilla alone is not a name.
      "pop3s://ann:hunter2@%C2%B8",
    ],
    ...[
      "http://ann:hunter2@a",
      "imaps://ann:hunter2@a",
      "pop2://a",
      "pop3ss://a",
      "ann:hunter2@a",
      "file:///a",
    ],
    ...[
      "pop3s://ann:hunter2@a/INBOX",
      "pop3s://ann:hunter2@a//",
      "pop3s://ann:hunter2@a?x=y",
      "pop3s://a?STLS=never",
    ],
    ...["pop3://a?stls=never&x=1", "pop3://a?stls=", "pop3://a?stls=maybe", "pop3s://a?stls=required"],
    ...["pop3s://ann:hunter2%zz@a", "pop3s://ann%ff:hunter2@a", "pop3s://ann:%@a", "pop3s://ann:hunter2@a:0"],
    ...[
      "pop3s://ann:hunter2@a:65536",
      "pop3s://ann:hunter2@a:x",
      "pop3s://ann:hunter2@",
      "pop3s://ann:hunter2@a b",
    ],
    "pop3s://ann@a",
    // A password with a # that was not encoded: the host would be "ann", the port 12.
    "pop3s://ann:12#hunter2@a",
    "pop3s://ann:hunter2@a#x",
    // A password or a mechanism without a user.
    ...["pop3s://:hunter2@a", "pop3s://;auth=PLAIN:hunter2@a", "pop3s://ann;auth=:hunter2@a"],
  ])("%j is refused, and the error does not repeat it", (url) => {
    let error: unknown;
    try {
      completeOptions(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toEqual(CONFIG);
    const shown = inspect(error, { depth: 9, showHidden: true });
    expect(shown).not.toContain("hunter2");
  });

  test.each([undefined, null, 5, {}])("%o is not a URL", (value) => {
    expect(() => parseUrl(value as string)).toThrow(CONFIG);
  });

  test("what is percent-encoded comes back, whatever it is", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
    always(
      // RFC 2384 gives ";auth=" in a user name a meaning of its own.
      fc.tuple(part, part).filter(([user]) => !/;auth=/i.test(user)),
      ([user, pass]) => {
        const url = `pop3s://${encodeURIComponent(user)}:${encodeURIComponent(pass)}@pop.example.com`;
        expect(parseUrl(url)).toEqual({ host, secure: true, auth: { user, pass } });
      },
      300,
    );
  });

  test("whatever the text, it is options or an error of ours, and the error repeats no secret", () => {
    const pieces = [
      "pop3s://",
      "pop3://",
      "ann",
      ":",
      "@",
      "/",
      "?",
      "#",
      "%",
      "%zz",
      ";auth=",
      "[",
      "]",
      "a.b",
      "12",
      " ",
      "\r\n",
    ];
    always(
      fc
        .array(fc.constantFrom(...pieces, "hunter2"), { maxLength: 8 })
        .map((parts) => `pop3s://${parts.join("")}`),
      (url) => {
        try {
          completeOptions(url);
        } catch (error) {
          expect(Pop3Error.is(error) && error.code).toBe("POP3_CONFIG");
          expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
        }
      },
      1000,
    );
  });
});

test("no message repeats a secret that was given in the wrong place", () => {
  const wrong = [
    { host: "ann:hunter2@a" },
    { host: "pop3s://ann:hunter2@a" },
    { host, port: "hunter2" },
    { host, secure: false, stls: "hunter2" },
    { host, auth: "hunter2" },
    { host, auth: { user: "", pass: "hunter2" } },
    { host, auth: { user: ["hunter2"], pass: "hunter2" } },
    { host, auth: { user: "ann", pass: ["hunter2"] } },
    { host, auth: { user: "ann", accessToken: ["hunter2"] } },
    { host, auth: { ...auth, mechanism: "hunter2" } },
    { host, auth: { ...auth, mechanisms: ["hunter2"] } },
    { host, auth: { ...auth, authzid: ["hunter2"] } },
    { host, auth: { ...auth, charset: ["hunter2"] } },
    { host, auth: { ...auth, channelBinding: "hunter2" } },
    { host, auth: { ...auth, bindingTypes: ["hunter2"] } },
    { host, auth: { ...auth, scram: "hunter2" } },
    { host, auth: { ...auth, scram: { minIterations: "hunter2" } } },
    { host, timeouts: { command: "hunter2" } },
    { host, limits: { line: "hunter2" } },
  ];
  for (const options of wrong) {
    let error: unknown;
    try {
      completeOptions(given(options));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toEqual(CONFIG);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
  }
});
