// A mail server that stores the mail itself: lmtp://host:24/ann@example.com, or the socket of one on this machine.
import { Lmtp, type LmtpOptions } from "../../../fetch/index.ts";
import { UsageError } from "../../usage-error.ts";
import type { PlaceKind, PlaceScene, PlaceSecret } from "./place.ts";
import { authOf, readSecret, SECRET_KEYS, variablesOfSecret, type PlaceAuth } from "./secret.ts";
import { certificates, readServer, tried, userIn } from "./server.ts";

type Options = Partial<Omit<LmtpOptions, "recipient" | "auth" | "tls">>;

export interface LmtpPlace extends PlaceSecret {
  /** The server, without the recipient. */
  readonly url: string;
  readonly recipient: string;
  /** The path of a file with the certificates to trust. */
  readonly ca?: string | undefined;
  readonly options: Options;
}

/** The options of {@link Lmtp} that the configuration file can set. */
const OPTIONS: readonly (keyof Options)[] = ["sender", "starttls", "limit", "timeout"];

export const lmtp: PlaceKind<LmtpPlace> = {
  read(path, value, fields) {
    const names = [...SECRET_KEYS, "recipient", "socket", ...OPTIONS];
    const { url: given, ca, table, options } = readServer(path, value, fields, names, OPTIONS, "socket");
    const socket = fields.string(`${path}.socket`, table["socket"]);
    if ((given === "") === (socket === undefined)) throw fields.wrong(path, "must have either url or socket");
    const { url, recipient: inUrl } = partsOf(socket === undefined ? given : socketUrl(socket));
    const recipient = fields.string(`${path}.recipient`, table["recipient"]) ?? inUrl;
    if (recipient === "")
      throw fields.wrong(`${path}.recipient`, "is missing: it must be the address that gets the mail");
    fields.created(path, "lmtp", () => new Lmtp(url, { ...(options as Options), recipient }));
    const user = userIn(url);
    const secret = readSecret(path, table, fields, user);
    const key = SECRET_KEYS.find((each) => secret[each] !== undefined);
    if (key !== undefined && user === undefined)
      throw fields.wrong(`${path}.${key}`, "needs a user in url, as in smtps://ann@mail.example.com");
    return { url, recipient, ca, options, ...secret };
  },
  named(to, secret) {
    const { url, recipient } = partsOf(to);
    if (recipient === "")
      throw new UsageError(
        "--to must name the recipient, as in lmtp://HOST:24/ann@example.com or lmtp:/run/dovecot/lmtp?recipient=ann@example.com",
      );
    if (Object.values(secret).some((each) => each !== undefined) && userIn(url) === undefined)
      throw new UsageError("--to must name the user who signs in, as in smtps://ann@mail.example.com/...");
    return { url, recipient, options: {}, ...secret };
  },
  takesSecret: true,
  variables: variablesOfSecret,
  shown: ({ url, recipient }) => `${url}, for ${recipient}`,
  create,
  check: async (place, scene) => {
    const auth = authIn(place, scene);
    return create(place, scene, auth && (await tried(auth))).check(scene.io.stop);
  },
  shared: true,
};

function create(
  place: LmtpPlace,
  scene: PlaceScene,
  auth: PlaceAuth | undefined = authIn(place, scene),
): Lmtp {
  const { url, recipient, ca, options } = place;
  return new Lmtp(url, {
    ...options,
    ...certificates(ca, scene),
    recipient,
    ...(auth === undefined ? {} : { auth }),
  });
}

/** A URL with a user signs in, others do not. */
function authIn(place: LmtpPlace, scene: PlaceScene): PlaceAuth | undefined {
  const user = userIn(place.url);
  return user === undefined ? undefined : authOf(place, user, scene);
}

function socketUrl(path: string): string {
  return `lmtp:${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Separates the recipient from the URL: it is the path after a host, or `?recipient=`. */
function partsOf(given: string): { readonly url: string; readonly recipient: string } {
  if (!URL.canParse(given)) return { url: given, recipient: "" };
  const url = new URL(given);
  const inQuery = url.searchParams.get("recipient");
  url.searchParams.delete("recipient");
  if (url.host === "" || inQuery !== null) return { url: withoutEnd(url), recipient: inQuery ?? "" };
  const recipient = decoded(url.pathname.slice(1));
  url.pathname = "";
  return { url: withoutEnd(url), recipient };
}

function withoutEnd({ href }: URL): string {
  return href.replace(/\?$/, "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
