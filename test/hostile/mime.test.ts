// Messages that were made to harm a parser.
import { MIME } from "./mime.ts";
import { IN_CLEAR } from "./row.ts";
import { runRows } from "./run-rows.ts";

runRows(MIME, IN_CLEAR);
