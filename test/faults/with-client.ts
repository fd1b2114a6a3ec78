// Runs a test with a client of a scripted server.
import { Pop3Client } from "popwright";
import { maildropScript, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";

/** Runs with a client that has logged in, and closes it. */
export async function withClient(
  answers: Answers,
  run: (client: Pop3Client, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  await using server = await ScriptedServer.listen(maildropScript(answers));
  const client = await Pop3Client.connect(server.options());
  await run(client, server);
  client.close();
  await server.peers[0]?.gone;
}
