// A row is data: a hostile or broken server, the calls of the client, and the expected result.
import type { Pop3Client, Pop3ClientOptions, Pop3ErrorCode } from "popwright";
import type { Pop3ServerOptions } from "popwright/testing";
import type { Protection, Script, ScriptOptions, Step } from "../support/scripted-server.ts";
import type { Stage } from "./stage.ts";

interface Numbered {
  /** The section and the number of the case: `3A.5`. */
  readonly row: string;
  readonly name: string;
  /** Where what we do is not what others would have a client do: why. */
  readonly differs?: string;
}

/** One connection against one server. */
export interface Case extends Numbered {
  /** A script whose lines the client has to say, and no others; an embedded server; or what a raw one does. */
  readonly server: readonly Step[] | Pop3ServerOptions | Script;
  /** How the script is played. */
  readonly how?: ScriptOptions;
  /** How a raw server protects the connection. @default "plain" */
  readonly protection?: Protection;
  readonly options?: Partial<Pop3ClientOptions>;
  /** Whether `connect` stops before the login. @default false */
  readonly noLogin?: boolean;
  /** What is called after `connect`; without it, `connect` itself is checked. */
  readonly calls?: (client: Pop3Client, stage: Stage) => Promise<unknown>;
  /** The code that it fails with, or several if the system decides which comes first. */
  readonly fails?: Pop3ErrorCode | readonly Pop3ErrorCode[];
  /** What the error has, too. */
  readonly error?: Readonly<Record<string, unknown>>;
  /** What the calls resolve with. */
  readonly gives?: unknown;
  /** What is left of the session: nothing, or its state, in which it answers yet. @default "nothing" */
  readonly leaves?: "nothing" | "authorization" | "transaction";
  /** Milliseconds that go by, on the clocks of the client, when it has said all that a script expects. @default 0 */
  readonly elapses?: number;
  /** Where the secret may be on the wire. @default that of the section */
  readonly secret?: SecretPlace;
  /** What a server without a script is told, line by line. */
  readonly told?: readonly (string | RegExp)[];
}

/** What takes more than one connection, or none. */
export interface Play extends Numbered {
  readonly play: () => Promise<void>;
}

export type Row = Case | Play;

type SecretPlace = "nowhere" | "within TLS" | "in clear";

/** What the rows of a section have in common. */
export interface Section {
  readonly options: Partial<Pop3ClientOptions>;
  readonly secret: SecretPlace;
}

/** Without TLS, which the caller allows. */
export const IN_CLEAR: Section = { options: { stls: "never" }, secret: "in clear" };
/** Nothing goes without TLS. */
export const STLS_REQUIRED: Section = { options: { stls: "required" }, secret: "nowhere" };
