// blame: who is at fault if a message was not delivered, by the error and the state of the run.
import { describe, expect, test } from "vitest";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../../src/errors.ts";
import { DestinationError } from "../../src/fetch/index.ts";
import type { Retrieve } from "../../src/fetch/plan/steps.ts";
import { blame, isMessagesFault, type Circumstances } from "../../src/fetch/run/blame.ts";
import { RefusedByDestination } from "../../src/fetch/run/delivery.ts";

const STEP: Retrieve = {
  number: 1,
  uid: "u1",
  size: 100,
  id: "u1",
  what: "whole",
  baseline: false,
  namesake: undefined,
  own: undefined,
  before: undefined,
};
const CALM: Circumstances = {
  isLost: false,
  isAborted: false,
  isStopping: false,
  timeIsOver: false,
  isSerial: false,
  messageSeconds: 7,
};

const refusal = new RefusedByDestination("u1", new Error("no"));
const diskFull = new RefusedByDestination("u1", Object.assign(new Error("full"), { code: "ENOSPC" }));
const byServer = new Pop3ReplyError("POP3_REFUSED", "RETR", { text: "no such message", temporary: false });
const gone = new Pop3ConnectionError("POP3_CLOSED", "the server closed the connection");
const slow = new Pop3ConnectionError("POP3_TOTAL_TIMEOUT", "too slow", { limit: "totalTimeout" });
const aborted = new Pop3Error("POP3_ABORTED", "the call was aborted");

describe("an error during the delivery of a message", () => {
  test.each<[string, unknown, Partial<Circumstances>, object]>([
    ["a refusal by the destination", refusal, {}, { on: "message", failure: { by: "destination" } }],
    ["a refusal while the run stops", refusal, { isStopping: true }, { on: "message" }],
    ["a refusal after an abort", refusal, { isAborted: true }, { on: "caller", error: refusal.cause }],
    ["a full disk", diskFull, {}, { on: "destination", down: diskFull.cause }],
    ["a full disk while the run stops", diskFull, { isStopping: true }, { on: "caller", error: undefined }],
    ["a refusal by the server", byServer, {}, { on: "message", failure: { by: "server", cause: byServer } }],
    ["a message that takes too long", slow, {}, { on: "message", failure: { by: "time" } }],
    ["a late reply to one command at a time", slow, { isSerial: true }, { on: "server", suspect: false }],
    ["the time limit of the run", aborted, { timeIsOver: true }, { on: "caller", error: undefined }],
    ["an abort", aborted, { isAborted: true }, { on: "server", error: aborted, suspect: false }],
    ["the end of the session", gone, {}, { on: "server", error: gone, suspect: true }],
    ["a fault of pipelining", gone, { isSerial: true }, { on: "server", error: gone, suspect: false }],
    ["any error in a mailbox of another run", refusal, { isLost: true }, { on: "other run", error: refusal }],
  ])("%s", (_name, error, circumstances, expected) => {
    expect(blame(error, STEP, { ...CALM, ...circumstances })).toMatchObject(expected);
  });

  test("names the limit that the message exceeded", () => {
    expect(blame(slow, STEP, CALM)).toMatchObject({
      failure: {
        cause: { message: expect.stringContaining("longer than 7 seconds") as string, cause: slow },
      },
    });
  });
});

describe("a failure counts as a try of the message", () => {
  const failure = (by: "destination" | "server" | "time", cause: unknown): boolean[] =>
    [true, false].map((works) => isMessagesFault({ step: STEP, id: "u1", cause, by }, works));
  const later = new DestinationError("later", { later: true });
  const busy = new Pop3ReplyError("POP3_TEMPORARY", "RETR", {
    responseCode: "SYS/TEMP",
    text: "busy",
    temporary: true,
  });

  test.each<[string, boolean[], boolean, boolean]>([
    ["refused by the destination", failure("destination", new Error("no")), true, false],
    ["refused by the destination for now", failure("destination", later), false, false],
    ["refused by the server", failure("server", byServer), true, true],
    ["refused by the server for now", failure("server", busy), false, false],
    ["too slow", failure("time", slow), true, true],
  ])("%s", (_name, counts, ifOthersWereTaken, ifNoneWas) => {
    expect(counts).toEqual([ifOthersWereTaken, ifNoneWas]);
  });
});
