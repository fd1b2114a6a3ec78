// Credentials, and facts about a connection, for a mechanism that runs without a client.
import type { Credentials, SaslContext } from "../../src/auth/mechanism.ts";
import { printable } from "../../src/protocol/printable.ts";
import { Secrets } from "../../src/protocol/secrets.ts";

export const CREDENTIALS: Credentials = {
  user: "ann",
  pass: "hunter2-pass",
  accessToken: "hunter2-token",
  authzid: "",
  encode: (text) => Buffer.from(text, "utf8"),
};

const SECRETS = new Secrets(CREDENTIALS.pass, CREDENTIALS.accessToken);

export const CONTEXT: SaslContext = {
  host: "pop.example.com",
  port: 995,
  secure: true,
  offered: [],
  bindingTypes: [],
  channelBinding: () => undefined,
  scram: { minIterations: 4096, maxIterations: 100_000 },
  printable: (text) => printable(text, SECRETS),
};
