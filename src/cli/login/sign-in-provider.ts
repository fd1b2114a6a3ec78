// The providers at which `popwright login` signs in: their addresses, their scopes, and what their users must know.
import { UsageError } from "../usage-error.ts";
import { quoted } from "../usage.ts";

export type ProviderName = "google" | "microsoft";

/** What a sign-in is for. Each purpose has its own scopes, and its own file. */
export type Purpose = "mail" | "imap" | "gmail-api";

export interface SignInProvider {
  readonly name: ProviderName;
  readonly title: "Google" | "Microsoft";
  /** The addresses of the provider. `tenant`: the organisation, at Microsoft. */
  readonly endpoints: (tenant: string) => Endpoints;
  /** The name of this machine in the redirect URI, as the provider wants it. */
  readonly redirectHost: "127.0.0.1" | "localhost";
  /** Further parameters of the sign-in page. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The scopes of each purpose. */
  readonly scopes: Readonly<Partial<Record<Purpose, string>>>;
  /** The scopes for the ID token, which has the address of the account. */
  readonly identity: string;
  /** Whether each refresh must name the scopes. */
  readonly refreshWithScope: boolean;
  /** What the user must know before the sign-in. */
  readonly before: string;
  /** What the user must know after the sign-in. */
  readonly after: string;
  /** The server that `popwright check` tries next, for each purpose that has one. */
  readonly server: string;
}

interface Endpoints {
  readonly authorize: string;
  readonly token: string;
  /** `undefined`: the provider has no device flow for mail. */
  readonly device: string | undefined;
}

const MICROSOFT = "https://login.microsoftonline.com";

const PROVIDERS: Readonly<Record<ProviderName, SignInProvider>> = {
  google: {
    name: "google",
    title: "Google",
    endpoints: () => ({
      authorize: "https://accounts.google.com/o/oauth2/v2/auth",
      token: "https://oauth2.googleapis.com/token",
      // Google allows only a short list of scopes in its device flow, and none of them is for mail.
      device: undefined,
    }),
    redirectHost: "127.0.0.1",
    // Without these, Google sends no refresh token, or only at the first sign-in.
    parameters: { access_type: "offline", prompt: "consent" },
    scopes: {
      mail: "https://mail.google.com/",
      "gmail-api":
        "https://www.googleapis.com/auth/gmail.insert https://www.googleapis.com/auth/gmail.labels",
    },
    identity: "openid email",
    refreshWithScope: false,
    before:
      'An account in Google\'s Advanced Protection Program cannot sign in here ("policy_enforced"), and app passwords are not available to it either.',
    after:
      'If the consent screen of your client is in "Testing", this sign-in ends after seven days. Publish it in the Google Cloud console (Audience > Publish app), then sign in again. For your own use it needs no verification: the sign-in shows a warning that can be passed.',
    server: "pop.gmail.com",
  },
  microsoft: {
    name: "microsoft",
    title: "Microsoft",
    endpoints: (tenant) => ({
      authorize: `${MICROSOFT}/${tenant}/oauth2/v2.0/authorize`,
      token: `${MICROSOFT}/${tenant}/oauth2/v2.0/token`,
      device: `${MICROSOFT}/${tenant}/oauth2/v2.0/devicecode`,
    }),
    // Microsoft ignores the port of this name only.
    redirectHost: "localhost",
    parameters: { response_mode: "query" },
    scopes: {
      mail: "https://outlook.office.com/POP.AccessAsUser.All offline_access",
      imap: "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    },
    identity: "openid email profile",
    refreshWithScope: true,
    before: "",
    after:
      "The sign-in lasts 90 days, and each use prolongs it. POP must be turned on: at Outlook.com in Settings > Mail > Forwarding and IMAP.",
    server: "outlook.office365.com",
  },
};

/** Finds a provider. Throws {@link UsageError} for an unknown name. */
export function providerNamed(name: string): SignInProvider {
  if (Object.hasOwn(PROVIDERS, name)) return PROVIDERS[name as ProviderName];
  throw new UsageError(`the provider must be google or microsoft (got ${quoted(name)})`);
}

/** Finds the scopes of a purpose. Throws {@link UsageError} if the provider does not have it. */
export function purposeNamed({ title, scopes }: SignInProvider, name: string): Purpose {
  if (Object.hasOwn(scopes, name)) return name as Purpose;
  const names = Object.keys(scopes).join(" or ");
  throw new UsageError(`--for must be ${names} at ${title} (got ${quoted(name)})`);
}

/** Puts another server in place of the provider's. The paths stay. */
export function endpointsAt(provider: SignInProvider, tenant: string, authority?: string): Endpoints {
  const { authorize, token, device } = provider.endpoints(encodeURIComponent(tenant));
  const moved = (url: string): string =>
    authority === undefined ? url : new URL(new URL(url).pathname, authority).href;
  return {
    authorize: moved(authorize),
    token: moved(token),
    device: device === undefined ? undefined : moved(device),
  };
}
