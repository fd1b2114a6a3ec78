// Quirks of real servers without TLS: each has a row that plays it and checks the reaction.
import { QUIRKS_CAPABILITIES } from "./quirks-capabilities.ts";
import { QUIRKS_GREETING } from "./quirks-greeting.ts";
import { QUIRKS_LISTINGS } from "./quirks-listings.ts";
import { QUIRKS_MESSAGES } from "./quirks-messages.ts";
import { QUIRKS_PIPELINING } from "./quirks-pipelining.ts";
import { QUIRKS_SESSIONS } from "./quirks-sessions.ts";
import { QUIRKS_UNIQUE_IDS } from "./quirks-unique-ids.ts";
import { IN_CLEAR, type Row } from "./row.ts";
import { runRows } from "./run-rows.ts";

const ROWS: readonly Row[] = [
  ...[...QUIRKS_GREETING, ...QUIRKS_CAPABILITIES, ...QUIRKS_LISTINGS, ...QUIRKS_UNIQUE_IDS],
  ...[...QUIRKS_MESSAGES, ...QUIRKS_PIPELINING, ...QUIRKS_SESSIONS],
];

runRows(ROWS, IN_CLEAR);
