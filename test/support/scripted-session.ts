// A client in a session that follows a script.
import { Pop3Client, type Pop3ClientOptions, type Pop3Auth } from "../../src/index.ts";
import { auth, LOGGED_IN, toScript } from "./ann.ts";
import { ScriptedServer, type ScriptOptions, type Step } from "./scripted-server.ts";

/** Plays the script after a login, while `use` has the client. */
export async function session(
  script: readonly Step[],
  use: (client: Pop3Client) => Promise<void>,
  more: Partial<Pop3ClientOptions> = {},
  how: ScriptOptions = {},
): Promise<void> {
  await using server = await ScriptedServer.listen([...LOGGED_IN, ...script], how);
  const client = await Pop3Client.connect(toScript(server, { auth, ...more }));
  await use(client);
  client.close();
  await server.played();
}

/** Logs in against the script, without TLS, and says what the state is then. */
export async function login(script: readonly Step[], given: Partial<Pop3Auth> = {}): Promise<string> {
  await using server = await ScriptedServer.listen(script);
  const client = await Pop3Client.connect(toScript(server, { auth: { ...auth, ...given } }));
  const { state } = client;
  client.close();
  await server.played();
  return state;
}
