// What both flows of a sign-in get, and what they return.
import type { TokenReply } from "../../oauth2/index.ts";
import type { Client } from "./client.ts";
import type { endpointsAt, SignInProvider } from "./sign-in-provider.ts";

export interface SignInRequest {
  readonly provider: SignInProvider;
  readonly endpoints: ReturnType<typeof endpointsAt>;
  readonly client: Client;
  /** All scopes, those of the ID token included. */
  readonly scope: string;
  readonly address: string;
}

/** The tokens that the provider gave, and the random value that must be in the ID token. */
export interface Granted {
  readonly reply: TokenReply;
  readonly nonce: string | undefined;
}
