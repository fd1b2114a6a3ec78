// The client of OAuth2 with which a user signs in: its id, and its secret from the environment or a file.
import { printable } from "../../protocol/printable.ts";
import { keepSecret, type Io } from "../io.ts";
import { CLIENT_SECRET } from "../secret-variables.ts";
import { ConfigurationError, UsageError } from "../usage-error.ts";
import { readFile } from "../../fetch/files/read-whole.ts";

/** The environment variable with the id of the client. */
const CLIENT_ID = "POPWRIGHT_CLIENT_ID";

export interface Client {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
}

interface ClientWords {
  readonly "client-id"?: string | undefined;
  readonly "client-secret-file"?: string | undefined;
}

/**
 * Finds the client: in the arguments, in the environment, in the file, and otherwise the one of the last sign-in. Throws
 * {@link UsageError} if there is none, and {@link ConfigurationError} if the file cannot be used.
 */
export async function clientFrom(words: ClientWords, io: Io, last?: Client): Promise<Client> {
  const path = words["client-secret-file"];
  const file = path === undefined ? {} : await clientIn(path);
  const named = (name: string): string | undefined => (io.env[name] === "" ? undefined : io.env[name]);
  const clientId = words["client-id"] ?? file.clientId ?? named(CLIENT_ID) ?? last?.clientId;
  if (clientId === undefined || clientId === "")
    throw new UsageError(
      "--client-id is missing: register a client at the provider first, see docs/authentication.md",
    );
  const given = file.clientSecret ?? named(CLIENT_SECRET);
  const clientSecret = given ?? (clientId === last?.clientId ? last.clientSecret : undefined);
  keepSecret(clientSecret ?? "", io);
  return { clientId, clientSecret };
}

/** Reads a file with the secret alone, or the JSON file that the Google Cloud console gives for a client. */
async function clientIn(path: string): Promise<Partial<Client>> {
  let text: string;
  try {
    text = (await readFile(path)).toString("utf8").trim();
  } catch (error) {
    throw new ConfigurationError(
      `cannot read the client secret in ${printable(path)}: ${printable((error as Error).message)}`,
      { cause: error },
    );
  }
  if (!text.startsWith("{")) {
    const [clientSecret = ""] = text.split(/\r?\n/, 1);
    if (clientSecret === "")
      throw new ConfigurationError(
        `the file ${printable(path)} must have the secret of the client in its first line, which is empty`,
      );
    return { clientSecret };
  }
  const client = installedIn(text);
  if (client === undefined)
    throw new ConfigurationError(
      `${printable(path)} must be the secret alone, or the JSON file of a client of type "Desktop app"`,
    );
  return client;
}

function installedIn(text: string): Client | undefined {
  try {
    const { installed } = JSON.parse(text) as {
      installed?: { client_id?: unknown; client_secret?: unknown };
    };
    const { client_id: clientId, client_secret: clientSecret } = installed ?? {};
    if (typeof clientId === "string" && typeof clientSecret === "string") return { clientId, clientSecret };
  } catch {
    // It is not JSON.
  }
  return undefined;
}
