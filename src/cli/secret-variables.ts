// The environment variables that contain secrets. No program that popwright starts as a destination gets them.

/** Of the account of a mailbox. The URL of a proxy may contain a password. */
export const PASSWORD = "POPWRIGHT_PASSWORD";
export const TOKEN = "POPWRIGHT_TOKEN";
export const PROXY = "POPWRIGHT_PROXY";

/** Of the client with which a user signs in. */
export const CLIENT_SECRET = "POPWRIGHT_CLIENT_SECRET";

/** Of the destination. */
export const TO_PASSWORD = "POPWRIGHT_TO_PASSWORD";
export const TO_TOKEN = "POPWRIGHT_TO_TOKEN";

/** The secrets of a webhook, separated by spaces. */
export const WEBHOOK_SECRET = "POPWRIGHT_WEBHOOK_SECRET";

export const SECRET_VARIABLES: readonly string[] = [
  PASSWORD,
  TOKEN,
  PROXY,
  CLIENT_SECRET,
  TO_PASSWORD,
  TO_TOKEN,
  WEBHOOK_SECRET,
];
