// Plays rows, and checks the error, the connection, the wire, and everything visible of each.
import { expect, test, vi } from "vitest";
import {
  Pop3Client,
  Pop3ConnectionError,
  Pop3Error,
  type Pop3ClientOptions,
  type Pop3ErrorCode,
} from "popwright";
import { FORMS, SECRET } from "../support/secret.ts";
import { turns, until } from "../support/turns.ts";
import type { Case, Row, Section } from "./row.ts";
import { openStage, type Stage } from "./stage.ts";
import { theWitness, watchEachTest } from "./witness.ts";

const ANN = { user: "ann", pass: SECRET } as const;

/** The classes that do not follow from "the server broke the protocol". */
const CLASSES: readonly [string, readonly Pop3ErrorCode[]][] = [
  [
    "Pop3Error",
    [
      ...(["POP3_CONFIG", "POP3_INVALID_ARGUMENT", "POP3_COMMAND_TOO_LONG", "POP3_STATE"] as const),
      ...(["POP3_NOT_SUPPORTED", "POP3_AUTH_NO_MECHANISM", "POP3_AUTH_PROTOCOL"] as const),
      ...(["POP3_APOP_BAD_CHALLENGE", "POP3_CHALLENGE_TOO_LARGE", "POP3_TLS_REQUIRED"] as const),
      ...(["POP3_SCRAM_ITERATIONS_LOW", "POP3_SCRAM_ITERATIONS_HIGH"] as const),
      "POP3_SCRAM_SERVER_SIGNATURE",
    ],
  ],
  ["AbortError", ["POP3_ABORTED"]],
  [
    "Pop3ReplyError",
    [
      ...(["POP3_REFUSED", "POP3_TEMPORARY", "POP3_GREETING_REJECTED", "POP3_AUTH_REJECTED"] as const),
      "POP3_COMMIT_FAILED",
    ],
  ],
  [
    "Pop3ProtocolError",
    [
      ...(["POP3_PROTOCOL", "POP3_BAD_GREETING", "POP3_UNSOLICITED", "POP3_BAD_RESPONSE"] as const),
      ...(["POP3_BAD_LISTING", "POP3_LINE_TOO_LONG", "POP3_RESPONSE_TOO_LARGE"] as const),
      ...(["POP3_LIST_TOO_LARGE", "POP3_MESSAGE_TOO_LARGE"] as const),
    ],
  ],
];

function classOf(code: Pop3ErrorCode): string {
  return CLASSES.find(([, codes]) => codes.includes(code))?.[0] ?? "Pop3ConnectionError";
}

/** A test for each row. To be called at the top of a file. */
export function runRows(rows: readonly Row[], section: Section): void {
  watchEachTest();
  for (const row of rows) {
    test(`${row.name} (${row.row})`, async () => {
      if ("play" in row) await row.play();
      else await playCase(row, section);
    });
  }
}

/** How a session that is to be alive shows it: the last lines of a script. */
const LAST: Readonly<Record<NonNullable<Case["leaves"]>, readonly string[]>> = {
  nothing: [],
  authorization: ["C: CAPA", "S: +OK", "S: ."],
  transaction: ["C: NOOP", "S: +OK"],
};

async function playCase(row: Case, section: Section): Promise<void> {
  const { leaves = "nothing" } = row;
  await using stage = await openStage(row, LAST[leaves]);
  const witness = theWitness();
  let client: Pop3Client | undefined;
  let closings = 0;
  let connected = false as boolean; // set in a callback, which the compiler does not see
  const [error, value] = await inTime(row, stage, async () => {
    client = new Pop3Client(optionsOf(row, section, stage));
    client.on("close", (failure) => {
      closings++;
      witness.saw(failure);
    });
    await client.connect();
    connected = true;
    return row.calls?.(client, stage);
  });
  witness.saw(error);
  witness.saw(client);
  expectOutcome(row, error, value);
  expectServerNamed(error, optionsOf(row, section, stage));
  if (client !== undefined) {
    if (leaves === "nothing") await expectNothingLeft(client);
    else await expectAlive(client, leaves);
    witness.saw(client);
  }
  await stage.over();
  expect(closings, "`close` is told once").toBe(connected ? 1 : 0);
  witness.wrote(`${stage.clear}\r\n${stage.secure}`);
  expectSecret(row.secret ?? section.secret, stage);
}

function optionsOf(row: Case, section: Section, stage: Stage): Pop3ClientOptions {
  return {
    ...stage.options,
    ...(stage.options.secure === true ? {} : section.options),
    ...(row.noLogin === true ? {} : { auth: ANN }),
    ...row.options,
  };
}

/** The same, while the clocks of the client go on by as much as the row says. */
async function inTime(
  { elapses }: Case,
  stage: Stage,
  run: () => Promise<unknown>,
): Promise<[error: unknown, value: unknown]> {
  if (elapses === undefined) return resultOf(run);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    let over = false as boolean; // set in a callback, which the compiler does not see
    const result = resultOf(run).finally(() => (over = true));
    await stage.said();
    await turns();
    vi.advanceTimersByTime(elapses - 1);
    await turns();
    expect(over, "it fails before its time").toBe(false);
    vi.advanceTimersByTime(2);
    return await result;
  } finally {
    vi.useRealTimers();
  }
}

async function resultOf(run: () => Promise<unknown>): Promise<[error: unknown, value: unknown]> {
  try {
    return [undefined, await run()];
  } catch (error) {
    return [error, undefined];
  }
}

function expectOutcome({ fails, error: more, gives }: Case, error: unknown, value: unknown): void {
  if (fails === undefined) {
    expect(error).toBeUndefined();
    expect(value).toEqual(gives);
    return;
  }
  expect(Pop3Error.is(error), `it fails: ${String(error)}`).toBe(true);
  const { code } = error as Pop3Error;
  expect([fails].flat()).toContain(code);
  expect(error).toMatchObject({ name: classOf(code), ...more });
}

/** What the server or the network has ended says which server, once. */
function expectServerNamed(error: unknown, { host, port }: Pop3ClientOptions): void {
  if (!Pop3ConnectionError.is(error)) return;
  expect(error.message.split(`${host}:${String(port)}`), "names the server once").toHaveLength(2);
}

/** The connection is destroyed, and whatever is called from now on fails at once. */
async function expectNothingLeft(client: Pop3Client): Promise<void> {
  await until(() => client.state === "closed");
  const [error] = await resultOf(() => client.noop());
  expect(error).toMatchObject({ code: expect.stringMatching(/^POP3_/) as string });
  theWitness().saw(error);
}

async function expectAlive(client: Pop3Client, state: "authorization" | "transaction"): Promise<void> {
  expect(client.state).toBe(state);
  if (state === "transaction") await client.noop();
  else await client.capa();
  client.close();
}

function expectSecret(place: Section["secret"], { clear, secure }: Stage): void {
  const where = place === "in clear" ? "" : place === "within TLS" ? clear : `${clear}\n${secure}`;
  const octets = Buffer.from(where, "latin1").toString("utf8");
  expect(
    FORMS.filter((form) => where.includes(form) || octets.includes(form)),
    "secrets on the wire",
  ).toEqual([]);
}
