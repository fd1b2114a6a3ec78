// A folder of an IMAP server: imaps://ann@imap.example.com/INBOX.
import { join } from "node:path";
import { ImapAppend, type ImapAppendOptions } from "../../../fetch/index.ts";
import { useImapFlow } from "../../../fetch/destinations/imap/load-imapflow.ts";
import { UsageError } from "../../usage-error.ts";
import type { PlaceKind, PlaceScene, PlaceSecret } from "./place.ts";
import { authOf, readSecret, SECRET_KEYS, variablesOfSecret } from "./secret.ts";
import { certificates, readServer, tried, userIn } from "./server.ts";

type Options = Partial<Omit<ImapAppendOptions, "state" | "auth" | "tls">>;

export interface ImapPlace extends PlaceSecret {
  readonly url: string;
  /** The path of a file with the certificates to trust. */
  readonly ca?: string | undefined;
  readonly options: Options;
}

/** The options of {@link ImapAppend} that the configuration file can set. */
const OPTIONS: readonly (keyof Options)[] = [
  "starttls",
  "flags",
  "limit",
  "connections",
  "timeout",
  "settleTime",
];

export const imap: PlaceKind<ImapPlace> = {
  read(path, value, fields) {
    const { url, ca, table, options } = readServer(
      path,
      value,
      fields,
      [...SECRET_KEYS, ...OPTIONS],
      OPTIONS,
    );
    // It connects only when it delivers.
    const created = (): ImapAppend =>
      new ImapAppend(url, { ...(options as Options), state: ".", auth: { password: "?" } });
    fields.created(path, "imap", created);
    return { url, ca, options, ...readSecret(path, table, fields, userIn(url)) };
  },
  named(url, secret) {
    if (userIn(url) === undefined)
      throw new UsageError(
        "--to must name the user, with @ as %40, as in imaps://ann%40example.com@imap.example.com/INBOX",
      );
    return { url, options: {}, ...secret };
  },
  takesSecret: true,
  variables: variablesOfSecret,
  shown: ({ url }) => url,
  create,
  check: async (place, scene) => {
    const auth = await tried(authOf(place, userIn(place.url) ?? "", scene));
    return create(place, scene, auth).check(scene.io.stop);
  },
  shared: true,
};

function create(
  place: ImapPlace,
  scene: PlaceScene,
  auth: ReturnType<typeof authOf> = authOf(place, userIn(place.url) ?? "", scene),
): ImapAppend {
  // The build has a copy of the package for the command line.
  useImapFlow(() => import("./imapflow.ts"));
  const { url, ca, options } = place;
  return new ImapAppend(url, {
    ...options,
    ...certificates(ca, scene),
    state: join(scene.state, "destinations", "imap"),
    auth,
  });
}
