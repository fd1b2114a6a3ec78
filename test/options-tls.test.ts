// What is wrong with the options of TLS, which Node would ignore.
import { describe, expect, test } from "vitest";
import { checkTls } from "../src/options/tls.ts";
import { Pop3Client } from "popwright";
import { ImapAppend, Lmtp } from "popwright/fetch";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

const messageOf = (tls: object): string => {
  try {
    checkTls("tls", tls);
    return "";
  } catch (error) {
    expect(error).toMatchObject({ code: "POP3_CONFIG" });
    return (error as Error).message;
  }
};

test.each([
  ["cafile", "ca"],
  ["caFile", "ca"],
  ["servrename", "servername"],
  ["rejectUnauthorised", "rejectUnauthorized"],
  ["minversion", "minVersion"],
  ["keyFile", "key"],
])("%s is misspelt", (name, meant) => {
  expect(messageOf({ [name]: "x" })).toBe(`unknown option tls.${name}: did you mean tls.${meant}?`);
});

test("a name that is like no other goes to Node, which may have new ones", () => {
  expect(messageOf({ somethingOfNode30: true })).toBe("");
});

describe("certificates and keys", () => {
  test.each([
    { ca: PEM },
    { ca: Buffer.from(PEM) },
    { ca: [PEM, Buffer.from(PEM)], cert: PEM },
    { ca: undefined },
  ])("%o is taken", (tls) => {
    expect(messageOf(tls)).toBe("");
  });

  test.each([{ ca: "./ca.pem" }, { ca: ["./ca.pem"] }, { cert: "./ca.pem" }])(
    "%o is the name of a file",
    (tls) => {
      const name = Object.keys(tls)[0] as string;
      expect(messageOf(tls)).toBe(
        `tls.${name} must be the content of a PEM file, with a line "-----BEGIN …", not its name: read the file with readFileSync`,
      );
    },
  );

  test("a key is not shown", () => {
    expect(messageOf({ key: "hunter2" })).not.toContain("hunter2");
  });
});

test("clients and destinations check them", () => {
  const tls = { ca: "./ca.pem" };
  const wrong: unknown = expect.objectContaining({
    code: "POP3_CONFIG",
    message: expect.stringContaining("tls.ca must") as string,
  });
  expect(() => new Pop3Client({ host: "pop.example.com", tls })).toThrow(wrong);
  expect(() => new Lmtp("lmtp://127.0.0.1:24", { recipient: "ann@example.com", tls })).toThrow(wrong);
  const options = { state: "./state", auth: { password: "secret" }, tls };
  expect(() => new ImapAppend("imaps://ann@imap.example.com", options)).toThrow(wrong);
});
