import { describe, expect, it, vi } from "vitest";
import { Pop3Server } from "popwright/testing";
import { hear, linesOf, play, sessionOf, type Setting } from "./dialogue.ts";
import { scramDialogue, type ScramClient } from "./scram-client.ts";

const REFUSED = "-ERR [AUTH] wrong user name or password";
const SASL = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((name) => [`${name}-PLUS`, name]);
const WITHOUT_PLUS = SASL.filter((name) => !name.endsWith("-PLUS"));
const users = { ann: { pass: "se cret" } };
const scram = { iterations: 2, nonce: "XYZ" };
const FIRST = "r=abcXYZ,s=SZFeDX1LQC4wF9AQvBwOgw==,i=2";

function dialogue(client: Partial<ScramClient>, setting: Setting = {}): string[] {
  const session = sessionOf({ users, sasl: SASL, scram, ...setting });
  return scramDialogue(session, { mechanism: "SCRAM-SHA-256", pass: "se cret", ...client });
}

function expectDialogue(written: string, setting: Setting): void {
  expect(play(sessionOf(setting), written)).toEqual(linesOf(written));
}

describe("SCRAM, as published", () => {
  const users = { user: { pass: "pencil" } };

  it("SCRAM-SHA-1 (RFC 5802 section 5)", () => {
    const salt = Buffer.from("QSXCR+Q6sek8bf92", "base64");
    const setting = { users, sasl: ["SCRAM-SHA-1"], scram: { salt, nonce: "3rfcNHYJY1ZVvWVs7j" } };
    const rest = `
      S: + ‹r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096›
      C: ‹c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=›
      S: + ‹v=rmF9pqV8S7suAoZWja4dJRkFsKQ=›
      C: 
      S: +OK logged in
    `;
    expectDialogue(`C: AUTH SCRAM-SHA-1 ‹n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL›${rest}`, setting);
    expectDialogue(`C: AUTH SCRAM-SHA-1\nS: + \nC: ‹n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL›${rest}`, setting);
  });

  it("SCRAM-SHA-256 (RFC 7677 section 3)", () => {
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    const nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    expectDialogue(
      `
      C: AUTH SCRAM-SHA-256 ‹n,,n=user,r=rOprNGfwEbeRWgbNEkqO›
      S: + ‹r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096›
      C: ‹c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=›
      S: + ‹v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=›
      C: 
      S: +OK logged in
    `,
      { users, sasl: ["SCRAM-SHA-256"], scram: { salt, nonce } },
    );
  });
});

describe.each(WITHOUT_PLUS)("%s", (mechanism) => {
  const IN = [FIRST, "proven", "+OK logged in"];

  it("logs in, and proves the server", () => {
    expect(dialogue({ mechanism })).toEqual(IN);
    expect(dialogue({ mechanism, header: "n,a=ann," })).toEqual(IN);
    expect(
      dialogue({ mechanism, header: "y,,", bare: "n=ann,r=abc,x=1,y=,=" }, { sasl: WITHOUT_PLUS }),
    ).toEqual(["-ERR invalid client-first-message"]);
    expect(
      dialogue({ mechanism, header: "y,,", bare: "n=ann,r=abc,x=1,z==" }, { sasl: WITHOUT_PLUS }),
    ).toEqual(IN);
    expect(dialogue({ mechanism, final: (message) => `${message},x=1` })).toEqual(IN);
  });

  it("refuses a wrong password and an unknown name only at the end", () => {
    expect(dialogue({ mechanism, pass: "wrong" })).toEqual([FIRST, REFUSED]);
    const unknown = dialogue({ mechanism, bare: "n=nobody,r=abc" });
    expect(unknown).toEqual([expect.stringMatching(/^r=abcXYZ,s=.{24},i=2$/), REFUSED]);
    expect(dialogue({ mechanism, bare: "n=nobody,r=abc" })).toEqual(unknown);
    expect(dialogue({ mechanism }, { users: { ann: {} } })).toEqual([FIRST, REFUSED]);
    expect(dialogue({ mechanism, pass: "a\x07" }, { users: { ann: { pass: "a\x07" } } })).toEqual([
      FIRST,
      REFUSED,
    ]);
  });

  it("refuses a user who acts for another", () => {
    const both = { users: { ...users, bob: { pass: "b" } } };
    expect(dialogue({ mechanism, header: "n,a=bob," }, both)).toEqual([FIRST, REFUSED]);
    expect(dialogue({ mechanism, header: "n,a=nobody," })).toEqual([FIRST, REFUSED]);
    expect(dialogue({ mechanism, header: "n,a=a=nn," })).toEqual([FIRST, REFUSED]);
  });

  it.each([
    "",
    "n=ann,r=abc",
    "n,,n=ann",
    "n,,r=abc,n=ann",
    "n,,n=,r=abc",
    "n,,n=ann,r=",
    "n,,n=ann,r=a b",
    "n,,n=ann,r=ä",
    "x,,n=ann,r=abc",
    "n,n=ann,r=abc",
    "n,,m=ext,n=ann,r=abc",
    "n,b=ann,n=ann,r=abc",
    "p=,,n=ann,r=abc",
    "n,,n=ann,r=abc,",
    "n,,n=a\0nn,r=abc",
  ])("rejects %j, which is not a first message", (message) => {
    const said = hear(
      sessionOf({ users, sasl: SASL }),
      `AUTH ${mechanism}\r\n${Buffer.from(message).toString("base64")}\r\n`,
    );
    expect(said[1]).toBe("S: -ERR invalid client-first-message");
  });

  it.each([
    ["r=abcXYZ,c=biws", "invalid client-final-message"],
    ["c=biws", "invalid client-final-message"],
    ["c=,r=abcXYZ", "invalid client-final-message"],
    ["c=biws,r=abc", "wrong nonce"],
    ["c=biws,r=abcXYZa", "wrong nonce"],
    ["c=eSws,r=abcXYZ", "channel-bindings-dont-match"], // y,,
    ["c=biwsAA==,r=abcXYZ", "channel-bindings-dont-match"],
  ])("refuses the final message %s", (message, text) => {
    expect(dialogue({ mechanism, final: () => message })).toEqual([FIRST, `-ERR ${text}`]);
  });

  it.each(["c=biws,r=abcXYZ", "c=biws,r=abcXYZ,p=", "c=biws,r=abcXYZ,p=AAAA", "c=biws,r=abcXYZ,p=A", ""])(
    "refuses the final message %s with its proof",
    (message) => {
      const session = sessionOf({ users, sasl: SASL, scram });
      const written = `C: AUTH ${mechanism} ‹n,,n=ann,r=abc›\nC: ‹${message}›`;
      expect(play(session, written).at(-1)).toMatch(/^S: -ERR (invalid client-final|\[AUTH\] wrong)/);
      expect(hear(session, "NOOP\r\n")).toEqual(["S: -ERR not in the AUTHORIZATION state"]);
    },
  );

  it("rejects a response to its signature", () => {
    expect(dialogue({ mechanism, answer: "AAAA" }).at(-1)).toBe(
      "-ERR the response to the server-final-message must be empty",
    );
    expect(dialogue({ mechanism, answer: "*" }).at(-1)).toBe("-ERR authentication cancelled");
  });
});

describe("names in SCRAM", () => {
  it("have escapes for = and , and are compared by SASLprep", () => {
    const odd = { users: { "a,b=c": { pass: "x" }, Ⅸ: { pass: "ª\u00ad" } } };
    expect(dialogue({ bare: "n=a=2Cb=3Dc,r=abc", pass: "x" }, odd).at(-1)).toBe("+OK logged in");
    expect(dialogue({ bare: "n=a=2Cb=3Dc,r=abc", header: "n,a=a=2Cb=3Dc,", pass: "x" }, odd).at(-1)).toBe(
      "+OK logged in",
    );
    expect(dialogue({ bare: "n=IX,r=abc", pass: "a" }, odd).at(-1)).toBe("+OK logged in");
    expect(dialogue({ bare: "n=Ⅸ,r=abc", pass: "a" }, odd).at(-1)).toBe("+OK logged in");
    expect(dialogue({ bare: "n=a=2cb,r=abc", pass: "x" }, odd)).toEqual(["-ERR invalid-username-encoding"]);
  });
});

describe("channel binding", () => {
  const facts = {
    channelBinding: (type: string) => (type === "tls-exporter" ? Buffer.from("\xff\0b") : undefined),
  };
  const binding = Buffer.from("\xff\0b");
  const secure: Setting = { secure: true, facts };
  const plus: Partial<ScramClient> = { mechanism: "SCRAM-SHA-256-PLUS", header: "p=tls-exporter,,", binding };

  it.each(["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"])(
    "is accepted by %s",
    (mechanism) => {
      expect(dialogue({ ...plus, mechanism }, secure)).toEqual([FIRST, "proven", "+OK logged in"]);
      expect(dialogue({ ...plus, mechanism, header: "p=tls-exporter,a=ann," }, secure).at(-1)).toBe(
        "+OK logged in",
      );
      expect(dialogue({ ...plus, mechanism })).toEqual(["-ERR unknown mechanism"]);
    },
  );

  it("is refused if it belongs to another connection, or is missing", () => {
    const wrong = "-ERR channel-bindings-dont-match";
    expect(dialogue({ ...plus, binding: Buffer.from("other") }, secure)).toEqual([FIRST, wrong]);
    expect(dialogue({ ...plus, binding: Buffer.alloc(0) }, secure)).toEqual([FIRST, wrong]);
    expect(dialogue({ ...plus, header: "n,,", binding: Buffer.alloc(0) }, secure)).toEqual([
      "-ERR -PLUS requires channel binding",
    ]);
    expect(dialogue({ ...plus, mechanism: "SCRAM-SHA-256" }, secure)).toEqual([
      "-ERR channel-binding-not-supported",
    ]);
  });

  it("is refused if its type is not accepted", () => {
    const refused = ["-ERR unsupported-channel-binding-type"];
    expect(dialogue({ ...plus, header: "p=tls-unique,," }, secure)).toEqual(refused);
    expect(dialogue({ ...plus, header: "p=x-none,," }, secure)).toEqual(refused);
    const every = { ...secure, facts: { channelBinding: () => binding } };
    expect(dialogue({ ...plus, header: "p=tls-unique,," }, every).at(-1)).toBe("+OK logged in");
    const one = { ...every, scram: { ...scram, channelBindings: ["tls-server-end-point"] } };
    expect(dialogue({ ...plus, header: "p=tls-unique,," }, one)).toEqual(refused);
    expect(dialogue({ ...plus, header: "p=tls-server-end-point,," }, one).at(-1)).toBe("+OK logged in");
    expect(dialogue(plus, { ...secure, scram: { channelBindings: ["tls-unique"] } })).toEqual([
      "-ERR unknown mechanism",
    ]);
  });

  it("reveals a changed list of mechanisms: y although -PLUS is listed", () => {
    expect(dialogue({ header: "y,," }, secure)).toEqual(["-ERR server-does-support-channel-binding"]);
    expect(dialogue({ header: "y,," })).toEqual([FIRST, "proven", "+OK logged in"]); // not listed without TLS
    expect(dialogue({ header: "y,," }, { ...secure, sasl: WITHOUT_PLUS }).at(-1)).toBe("+OK logged in");
    expect(dialogue({ header: "n,," }, secure).at(-1)).toBe("+OK logged in");
  });
});

describe("the options of SCRAM", () => {
  it("have defaults", () => {
    const [first = ""] = dialogue({}, { scram: {} });
    expect(first).toMatch(/^r=abc[A-Za-z0-9+/]{24},s=SZFeDX1LQC4wF9AQvBwOgw==,i=4096$/);
    expect(dialogue({}, { scram: {} })[0]).not.toBe(first);
  });

  it("accept a salt, also an empty one", () => {
    expect(dialogue({}, { scram: { ...scram, salt: Buffer.from("salt") } })).toEqual([
      "r=abcXYZ,s=c2FsdA==,i=2",
      "proven",
      "+OK logged in",
    ]);
    expect(dialogue({}, { scram: { ...scram, salt: Buffer.alloc(0) } })).toEqual([
      "r=abcXYZ,s=,i=2",
      "proven",
      "+OK logged in",
    ]);
  });

  it.each([0, -1, 1.5, NaN, 1_000_001, Infinity])("reject %d iterations", async (iterations) => {
    const listening = Pop3Server.listen({ sasl: ["SCRAM-SHA-1"], scram: { iterations } });
    await expect(listening).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message: expect.stringContaining("scram.iterations must be an integer from 1 to 1000000") as string,
    });
  });

  it.each<[string, (message: string) => string]>([
    ["r=other,s=SZFeDX1LQC4wF9AQvBwOgw==,i=2", (message) => message.replace(/r=[^,]*/, "r=other")],
    ["m=ext,r=abcXYZ,s=SZFeDX1LQC4wF9AQvBwOgw==,i=2", (message) => `m=ext,${message}`],
    ["nonsense", () => "nonsense"],
  ])("send %s as the first message", (sent, serverFirst) => {
    const session = sessionOf({ users, sasl: SASL, scram: { ...scram, serverFirst } });
    const asked = linesOf("C: AUTH SCRAM-SHA-256 ‹n,,n=ann,r=abc›")[0];
    expect(play(session, asked ?? "").slice(1)).toEqual(linesOf(`S: + ‹${sent}›`));
  });

  it("compute no more iterations than they are set to, whatever the message claims", () => {
    const serverFirst = (message: string): string => message.replace(/i=.*/, "i=4294967295");
    const session = sessionOf({ users, sasl: SASL, scram: { ...scram, serverFirst } });
    const said = play(
      session,
      `
      C: AUTH SCRAM-SHA-256 ‹n,,n=ann,r=abc›
      C: ‹c=biws,r=abcXYZ,p=${"A".repeat(43)}=›
    `,
    );
    expect([said[1], said[3]]).toEqual([
      ...linesOf("S: + ‹r=abcXYZ,s=SZFeDX1LQC4wF9AQvBwOgw==,i=4294967295›"),
      `S: ${REFUSED}`,
    ]);
  });

  it("send another final message, or none", () => {
    const serverFinal = vi.fn<(message: string) => string | undefined>(() => "v=AAAA");
    const setting = { scram: { ...scram, serverFinal } };
    expect(dialogue({}, setting)).toEqual([FIRST, "v=AAAA", "+OK logged in"]);
    expect(serverFinal.mock.calls).toEqual([[expect.stringMatching(/^v=.{43}=$/)]]);
    serverFinal.mockReturnValue(undefined);
    expect(dialogue({}, setting)).toEqual([FIRST, "+OK logged in"]);
    serverFinal.mockReturnValue("e=other-error");
    expect(dialogue({}, setting)).toEqual([FIRST, "e=other-error", REFUSED]);
    serverFinal.mockReturnValue("");
    expect(dialogue({}, setting)).toEqual([FIRST, "", "+OK logged in"]);
    serverFinal.mockClear();
    expect(dialogue({ pass: "wrong" }, setting)).toEqual([FIRST, REFUSED]);
    expect(serverFinal).not.toHaveBeenCalled();
  });
});
