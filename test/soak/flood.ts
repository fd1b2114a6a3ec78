// Floods one client after the other, each in a process of its own, and looks at how far its memory grew.
import { fork } from "node:child_process";
import { once } from "node:events";
import { maildropScript } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Grown } from "./flood-client.ts";
import type { Flood } from "./floods.ts";

export interface Flooded extends Grown {
  readonly name: string;
  /** How far it may grow; octets. */
  readonly bound: number;
  /** Octets that the system has taken from the server. */
  readonly sent: number;
  readonly problem: string | undefined;
}

/** `program` is what the child runs, with `flood-client` as its argument. */
export async function floodProcess(flood: Flood, program: string): Promise<Flooded> {
  const { name, bound, ends } = flood;
  await using server = await ScriptedServer.listen(
    maildropScript(flood.answers),
    flood.protection ?? "plain",
  );
  const child = fork(program, ["flood-client"], { execArgv: process.execArgv });
  const gone = once(child, "exit");
  child.send({ name, options: server.options(flood.options) });
  const [grown] = (await Promise.race([once(child, "message"), gone.then(() => [undefined])])) as [
    Grown | undefined,
  ];
  const [code] = (await gone) as [number | null];
  const sent = server.peers.reduce((sum, { taken }) => sum + taken, 0);
  const nothing = { outcome: `the process ended with ${String(code)}`, before: 0, octets: 0 };
  const { outcome, before, octets } = grown ?? nothing;
  const problems = [
    ...(ends.includes(outcome) ? [] : [`it came to ${outcome}, not ${ends.join(" or ")}`]),
    ...(octets <= bound ? [] : [`the memory grew by ${octets} octets, beyond ${bound}`]),
  ];
  return {
    name,
    outcome,
    before,
    octets,
    bound,
    sent,
    problem: problems.length === 0 ? undefined : problems.join(", "),
  };
}
