// After the login: every answer reaches its call, complete, and limited in size.
import { LISTINGS } from "./listings.ts";
import { MESSAGES } from "./messages.ts";
import { RESPONSES } from "./responses.ts";
import { IN_CLEAR } from "./row.ts";
import { runRows } from "./run-rows.ts";

runRows([...RESPONSES, ...LISTINGS, ...MESSAGES], IN_CLEAR);
