// A challenge is accepted up to its exact limit. A larger one ends the login with an error.
import { expect, test } from "vitest";
import { Pop3Client, type SaslMechanism } from "../../../src/index.ts";
import { MemoryServer } from "../../support/memory-server.ts";
import { codeOf } from "../../support/outcome.ts";

const patient: SaslMechanism = {
  name: "X-PATIENT",
  cleartext: false,
  start: () => ({ respond: () => Buffer.from("!") }),
};

test.each([
  [16_384, "resolved"],
  [16_385, "POP3_CHALLENGE_TOO_LARGE"],
  [16_386, "POP3_CHALLENGE_TOO_LARGE"],
  [16_387, "POP3_CHALLENGE_TOO_LARGE"],
  [20_000, "POP3_CHALLENGE_TOO_LARGE"],
])("a challenge of %d octets with the default limit: %s", async (octets, code) => {
  const challenge = `+ ${Buffer.alloc(octets, "a").toString("base64")}\r\n`;
  const server = new MemoryServer({ CAPA: "-ERR\r\n", AUTH: challenge, "IQ==": "+OK\r\n", "*": "-ERR\r\n" });
  const client = new Pop3Client({ ...server.options, auth: { user: "a", pass: "b", mechanism: patient } });
  expect(await codeOf(client.connect())).toBe(code);
  client.close();
});
