// An attempt to log in by STLS with a script.
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { auth, toScript } from "./ann.ts";
import { timePasses } from "./clock.ts";
import { certificate, tls } from "./certificate.ts";
import { codeOf } from "./outcome.ts";
import { ScriptedServer, type ScriptOptions, type Step } from "./scripted-server.ts";

export const OFFERED: readonly Step[] = [
  "S: +OK hello <1.2@mail.test>",
  "C: CAPA",
  "S: +OK",
  "S: STLS",
  "S: USER",
  "S: .",
];

export interface Outcome {
  readonly code: string;
  readonly clear: string;
  readonly secure: string;
}

/** Connects as Ann against a script, STLS required unless told otherwise. */
export async function attempt(
  script: readonly Step[],
  more: Partial<Pop3ClientOptions> = {},
  how: ScriptOptions = {},
): Promise<Outcome> {
  await using server = await ScriptedServer.listen(script, { tls: certificate, ...how });
  const client = new Pop3Client(toScript(server, { stls: "required", tls, auth, ...more }));
  const code = await codeOf(timePasses(client.connect()));
  if (code === "resolved") client.close();
  expect(client.state).toBe("closed");
  await server.played();
  return { code, clear: server.clear, secure: server.secure };
}

/** What the client has said in clear when it has asked for STLS. */
export const ASKED = "CAPA\r\nSTLS\r\n";
