// Whether a refusal is temporary depends on the response code, then on the words, then on the command.
import { describe, expect, test, vi } from "vitest";
import { KNOWN_REFUSALS, type Stage, type Wait } from "../../src/protocol/refusals.ts";
import { parseReply } from "../../src/protocol/reply.ts";
import { judgeRefusal, stageOfCommand, type Verdict } from "../../src/retry.ts";
import { SAMPLES } from "../support/refusal-samples.ts";

const STAGES: readonly (Stage | undefined)[] = ["greeting", "login", "listing", "message", undefined];

function judge(words: string | Buffer, stage?: Stage): Verdict {
  const reply = parseReply(Buffer.concat([Buffer.from("-ERR "), Buffer.from(words)]));
  if (reply === undefined) throw new Error("not a reply");
  return judgeRefusal(reply, stage);
}

test("every row of the table has a sample", () => {
  expect(KNOWN_REFUSALS.map(({ id }) => id)).toEqual(Object.keys(SAMPLES));
});

describe.each(Object.entries(SAMPLES))("%s", (id, { kind, at, waitFor, is, isNot }) => {
  const stages = STAGES.filter((stage) => at === undefined || stage === undefined || stage === at);

  test.each(is.flatMap((words) => [words, words.toUpperCase()]))("recognises %s", (words) => {
    for (const stage of stages) {
      const { known, waitFor: found } = judge(words, stage);
      expect([known?.id, known?.kind, known?.waitFor, found], stage).toEqual([id, kind, waitFor, waitFor]);
    }
  });

  test.each(isNot)("does not recognise %s", (words) => {
    for (const stage of STAGES) expect(judge(words, stage).known?.id, stage).not.toBe(id);
  });
});

test.each(Object.entries(SAMPLES).filter(([, { at }]) => at !== undefined))(
  "%s applies in no other stage",
  (id, { at, is: [words] }) => {
    for (const stage of STAGES)
      expect(judge(words, stage).known?.id === id, stage).toBe(stage === at || stage === undefined);
  },
);

describe("a known response code decides, whatever the words are", () => {
  test.each<[string, Wait | undefined]>([
    ["[IN-USE] x", "IN-USE"],
    ["[in-use] Your account has been locked", "IN-USE"],
    ["[LOGIN-DELAY] invalid password", "LOGIN-DELAY"],
    ["[SYS/TEMP] no such user", "SYS/TEMP"],
    ["[SYS/TEMP] maildrop locked", "SYS/TEMP"],
    ["[sys/temp]", "SYS/TEMP"],
    ["[SYS/TEMP/DISK]", "SYS/TEMP"],
    ["[AUTH] mailbox is locked, try again later", undefined],
    ["[AUTH] Server error", undefined],
    ["[AUTH/EXPIRED] try again later", undefined],
    ["[SYS/PERM] temporarily not available", undefined],
    ["[sys/perm]", undefined],
    ["[SYS/PERM/QUOTA] busy", undefined],
  ])("%s", (words, waitFor) => {
    for (const stage of STAGES) {
      const { waitFor: found, known } = judge(words, stage);
      expect(found, stage).toBe(waitFor);
      // What people are told does not contradict it.
      if (known !== undefined) expect(known.waitFor === undefined).toBe(waitFor === undefined);
    }
  });

  test.each(["[X-OTHER] mailbox is locked", "[SYS] busy", "[SYS/TEMPORARILY] server error"])(
    "an unknown response code leaves the decision to the words: %s",
    (words) => {
      expect(judge(words, "login").waitFor).toBeDefined();
      expect(judge(words.replace(/\].*/, "] x"), "login").waitFor).toBeUndefined();
    },
  );
});

/** What is temporary in the greeting, in the login and for a command. */
const TEMPORARY: readonly [words: string, waitFor: Wait][] = [
  ["Mailbox is currently used by another session", "IN-USE"],
  ["another session is active", "IN-USE"],
  ["Another POP3 session is already active for this mailbox", "IN-USE"],
  ["Another client is using the maildrop", "IN-USE"],
  ["There is an existing session open", "IN-USE"],
  ["account is locked by another session or for maintenance, try again", "IN-USE"],
  ["mailbox opened by a different user", "IN-USE"],
  ["maildrop already locked", "IN-USE"],
  ["Unable to lock maildrop: Mailbox is locked by POP server", "IN-USE"],
  ["can't lock the mailbox of user ann", "IN-USE"],
  ["Your account's mailbox is locked", "IN-USE"],
  ["maildrop locked for user ann", "IN-USE"],
  ["cannot get a lock", "IN-USE"],
  ["locked", "IN-USE"],
  ["mailbox in use", "IN-USE"],
  ["already logged in", "IN-USE"],
  ["Sorry, too many connections from your address", "SYS/TEMP"],
  ["connections: too many", "SYS/TEMP"],
  ["Connection limit reached", "SYS/TEMP"],
  ["limit of 5 connections exceeded", "SYS/TEMP"],
  ["Maximum sessions per host reached", "SYS/TEMP"],
  ["Maximum number of connections exceeded", "SYS/TEMP"],
  ["too many clients, authentication failed", "SYS/TEMP"],
  ["Server error: Failed to open the store", "SYS/TEMP"],
  ["internal server error", "SYS/TEMP"],
  ["Error on the server", "SYS/TEMP"],
  ["system problem", "SYS/TEMP"],
  ["authentication failed: internal error", "SYS/TEMP"],
  ["Could not connect to the database", "SYS/TEMP"],
  ["database is locked", "SYS/TEMP"],
  ["DATABASE: gone away", "SYS/TEMP"],
  ["Login failed: authentication service not available", "SYS/TEMP"],
  ["Service unavailable", "SYS/TEMP"],
  ["mailbox is not currently available", "SYS/TEMP"],
  ["user database not available", "SYS/TEMP"],
  ["UIDL temporarily not available", "SYS/TEMP"],
  ["account temporarily unavailable", "SYS/TEMP"],
  ["login temporarily disabled for maintenance", "SYS/TEMP"],
  ["Your account is temporarily disabled for maintenance", "SYS/TEMP"],
  ["rate limit exceeded", "LOGIN-DELAY"],
  ["You exceeded the rate of logins", "LOGIN-DELAY"],
  ["ratelimited", "LOGIN-DELAY"],
  ["Too frequent connects", "LOGIN-DELAY"],
  ["login allowed only every 15 minutes", "LOGIN-DELAY"],
  ["server busy", "SYS/TEMP"],
  ["Try later", "SYS/TEMP"],
  ["authentication failed, please try again in 5 minutes", "SYS/TEMP"],
  ["please wait a few minutes", "SYS/TEMP"],
  ["wait 15 seconds", "SYS/TEMP"],
  ["系统繁忙，请稍后再试", "SYS/TEMP"],
];

describe.each(TEMPORARY)("%s", (words, waitFor) => {
  test.each([words, words.toUpperCase(), `Sorry: ${words}!`])("is temporary: %s", (each) => {
    for (const stage of STAGES) expect(judge(each, stage).waitFor, stage).toBe(waitFor);
  });
});

/** What is not temporary, in the greeting either. */
const LASTING: readonly string[] = [
  "account is locked",
  "Account locked.",
  "The account ann@example.com is locked",
  "Locked account",
  "user ann has been locked",
  "you are locked out",
  "Account temporarily locked, try again in 15 minutes",
  "Mailbox belongs to a locked account",
  "Please unlock your account",
  "Your account is disabled",
  "suspended account",
  "too many failed login attempts, please try again later",
  "Too many login failures",
  "repeated bad passwords",
  "mailbox not available: no such user",
  "no such user: mailbox not available",
  "user not found in database",
  "ann is not in our database",
  "Internal error: invalid password",
  "incorrect password, try again later",
  "wrong user name or password",
  "Bad login",
  "password is not correct",
  "unknown user",
  "mailbox does not exist",
  "token expired",
  "no such message",
  "message 5 is marked as deleted",
  "UIDL command not available",
  "TOP not available",
  "command not implemented",
  "unsupported authentication mechanism",
  "POP access is not available for your plan",
  "POP3 is no longer available",
  "access denied",
  "Your host is blacklisted",
  "not allowed from here",
];

describe.each(LASTING)("not temporary: %s", (words) => {
  test.each([words, words.toUpperCase(), `Sorry: ${words}!`])("%s", (each) => {
    for (const stage of STAGES) expect(judge(each, stage).waitFor, stage).toBeUndefined();
  });
});

describe("without a code and without known words", () => {
  test.each([
    "",
    "x",
    "go away",
    "clockwise",
    "authentication failed",
    "login failed for database@example.com",
  ])("%j is temporary in the greeting, and nowhere else", (words) => {
    expect(STAGES.map((stage) => judge(words, stage).waitFor)).toEqual([
      "SYS/TEMP",
      ...[undefined, undefined, undefined, undefined],
    ]);
  });
});

test.each([
  ["netease-too-often", "登录太频繁", "b5c7c2bcccabc6b5b7b1", "LOGIN-DELAY"],
  ["qq-authorization-code", "丂授权码", "8140cadac8a8c2eb", undefined],
  ["later", "请稍后再试", "c7ebc9d4baf3d4d9cad4", "SYS/TEMP"],
])("recognises %s in UTF-8 and in GB 18030", (id, text, octets, waitFor) => {
  expect(new TextDecoder("gb18030").decode(Buffer.from(octets, "hex"))).toBe(text);
  for (const words of [Buffer.from(text), Buffer.from(octets, "hex")]) {
    const verdict = judge(words, "login");
    expect([verdict.known?.id, verdict.waitFor]).toEqual([id, waitFor]);
  }
});

test("reads the octets as they are if the runtime has no GB 18030", () => {
  vi.stubGlobal("TextDecoder", function () {
    throw new RangeError("unknown encoding");
  });
  expect(judge(Buffer.from("b5c7c2bccca0", "hex"), "login").waitFor).toBeUndefined();
  expect(judge(Buffer.from("b5c720736572766572206572726f72", "hex"), "login").waitFor).toBe("SYS/TEMP");
  vi.unstubAllGlobals();
});

test("judges a long text quickly, by its beginning only", () => {
  expect(judge("user ".repeat(1600), "login").waitFor).toBeUndefined();
  expect(judge(`${"x ".repeat(256)}try again later`, "login").waitFor).toBeUndefined();
});

test.each<[string, Stage | undefined]>([
  ["the greeting", "greeting"],
  ["USER ann", "login"],
  ["PASS ****", "login"],
  ["AUTH PLAIN ****", "login"],
  ["****", "login"],
  ["STAT", "listing"],
  ["UIDL 5", "listing"],
  ["RETR 5", "message"],
  ["TOP 5 0", "message"],
  ["DELE 5", undefined],
  ["", undefined],
])("maps %s to the stage %s", (command, stage) => {
  expect(stageOfCommand(command)).toBe(stage);
});
