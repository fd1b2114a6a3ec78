// A web server that gets each message by HTTP POST. The secrets of the signature are in an environment variable.
import { Webhook } from "../../../fetch/index.ts";
import { printable } from "../../../protocol/printable.ts";
import { keepSecret } from "../../io.ts";
import { WEBHOOK_SECRET } from "../../secret-variables.ts";
import { ConfigurationError } from "../../usage-error.ts";
import type { Hints } from "../fields.ts";
import type { PlaceKind, PlaceScene } from "./place.ts";

export interface WebhookPlace {
  readonly url: string;
  /** The variable with the secrets, separated by spaces. */
  readonly secretEnv?: string | undefined;
  readonly format?: "raw" | "json" | undefined;
  readonly allowPrivate?: boolean | undefined;
}

const KEYS: readonly (keyof WebhookPlace)[] = ["url", "secretEnv", "format", "allowPrivate"];

const HINTS: Hints = new Map(
  ["secret", "secrets", "password", "token"].map((key) => [
    key,
    ": use secretEnv, so that the file contains no secret",
  ]),
);

export const webhook: PlaceKind<WebhookPlace> = {
  read(path, value, fields) {
    const given = typeof value === "string" ? { url: value } : fields.table(path, value, KEYS, HINTS);
    const secretEnv = fields.string(`${path}.secretEnv`, given["secretEnv" as keyof typeof given]);
    const place = { ...(given as Partial<WebhookPlace>), secretEnv };
    const { url = "" } = place;
    // It connects only when it delivers.
    fields.checked(path, { ...place, url }, (each) => created(each, undefined));
    return { ...place, url };
  },
  named: (url) => ({ url }),
  variables: ({ secretEnv }) => [secretEnv],
  shown: ({ url }) => url,
  create: signed,
  check: (place, scene) => signed(place, scene).check(scene.io.stop),
};

/** The webhook, with the secrets in the environment. */
function signed(place: WebhookPlace, { io }: PlaceScene): Webhook {
  const { secretEnv = WEBHOOK_SECRET } = place;
  const secrets = (io.env[secretEnv] ?? "").split(" ").filter((secret) => secret !== "");
  if (secrets.length === 0)
    throw new ConfigurationError(
      `the secret of the webhook is missing: set ${printable(secretEnv)} to a value such as whsec_... (\`openssl rand -base64 32\` makes one)`,
    );
  for (const secret of secrets) keepSecret(secret, io);
  return created(place, secrets);
}

function created(
  { url, format, allowPrivate }: WebhookPlace,
  secrets: readonly string[] | undefined,
): Webhook {
  return new Webhook(url, {
    ...(secrets === undefined ? {} : { secrets }),
    ...(format === undefined ? {} : { format }),
    ...(allowPrivate === undefined ? {} : { allowPrivate }),
  });
}
