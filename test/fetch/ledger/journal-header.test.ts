// The first line of a journal: what it names, and how its beginning differs from the file of another program.
import { describe, expect, test } from "vitest";
import { encodeHeader, readHeader, type JournalHeader } from "../../../src/fetch/ledger/journal-header.ts";
import { encode, encodeLine } from "../../../src/fetch/ledger/journal-line.ts";

const ANN = "ann@pop.example.com:995";
const PATH = "/ledger/ann.journal";

function read(text: string, mailbox?: string): JournalHeader | undefined {
  const octets = Buffer.from(text, "latin1");
  return readHeader(PATH, { octets, latin1: text }, mailbox);
}
const line = (value: unknown): string => encodeLine(encode(value), true);

describe("a header", () => {
  test("names the oldest format that is enough", () => {
    const fields = (text: string): unknown => JSON.parse(text.slice(9));
    expect(fields(encodeHeader({ mailbox: ANN, keyName: undefined }))).toEqual({
      ...{ popwright: "ledger", version: 1, mailbox: ANN },
    });
    expect(fields(encodeHeader({ mailbox: ANN, keyName: "ann" }))).toEqual({
      ...{ popwright: "ledger", version: 2, mailbox: ANN, keyName: "ann" },
    });
  });

  test.each([undefined, "ann"])(
    "is read with what is after it, and with the name in its keys: %s",
    (keyName) => {
      const header = encodeHeader({ mailbox: ANN, keyName });
      const read_ = { mailbox: ANN, keyName, end: header.length };
      for (const mailbox of [undefined, ANN]) {
        expect(read(header, mailbox)).toEqual(read_);
        expect(read(`${header}\n${header}`, mailbox)).toEqual(read_);
      }
    },
  );

  test("belongs to one mailbox", () => {
    const header = encodeHeader({ mailbox: ANN, keyName: undefined });
    expect(() => read(header, "bob")).toThrow(`${PATH} is the ledger of another mailbox`);
  });

  test.each([3, 99])("of format %i is refused", (version) => {
    expect(() => read(line({ popwright: "ledger", version, mailbox: ANN }), ANN)).toThrow(
      `the ledger ${PATH} has format ${version}, and this version of popwright reads formats 1 to 2: ` +
        "a newer version wrote it. Update popwright. Nothing was fetched or changed",
    );
  });

  test.each([
    ...[{ version: 0 }, { version: -1 }, { version: 1.5 }, { version: "1" }, { version: NaN }, {}],
    ...[
      { version: 1, mailbox: 7 },
      { version: 1, mailbox: undefined },
      { version: 2, keyName: 7 },
    ],
  ])("with %j is damaged", (fields) => {
    const header = { popwright: "ledger", mailbox: ANN, ...fields };
    for (const mailbox of [undefined, ANN])
      expect(() => read(line(header), mailbox)).toThrow(`the ledger ${PATH} is damaged in line 1`);
  });

  test.each(["null", "7", "{", ""])("that is %j is damaged", (text) => {
    expect(() => read(encodeLine(text, true), ANN)).toThrow(`the ledger ${PATH} is damaged in line 1`);
  });
});

describe("a header that was not completely written", () => {
  const header = encodeHeader({ mailbox: ANN, keyName: undefined });

  test("does not count: a new journal may begin", () => {
    for (const length of [0, 1, 20, header.length - 1])
      for (const zeros of [0, 1, 99])
        expect(
          read(header.slice(0, length) + "\0".repeat(zeros), ANN),
          `${length}, ${zeros}`,
        ).toBeUndefined();
  });

  test("is the file of another program if it is not ours", () => {
    const texts = ["letters", "letters\n", `\0${header}`, `${header.slice(0, 9)}letters\0`, "\0x\0"];
    for (const text of texts)
      for (const mailbox of [ANN, undefined])
        expect(() => read(text, mailbox), text).toThrow(`the ledger ${PATH} is damaged in line 1`);
    expect(() => read(header.slice(0, -1), "bob")).toThrow("is damaged in line 1");
  });

  test("does not count either without the name of a mailbox, but only if nothing was written", () => {
    for (const text of ["", "\0", "\0\0\0"]) expect(read(text)).toBeUndefined();
    expect(() => read(header.slice(0, -1))).toThrow("is damaged in line 1");
  });
});

test("the path in an error is safe to print", () => {
  expect(() => readHeader("/x\u0007", { octets: Buffer.from("x"), latin1: "x" }, ANN)).toThrow(
    "the ledger /x\\x07 is damaged in line 1",
  );
});
