// From the greeting to the end of the login: no secret is sent to a server that did not prove its identity.
import { AUTHENTICATION } from "./authentication.ts";
import { GREETING } from "./greeting.ts";
import { PASSWORDS } from "./passwords.ts";
import { PROOFS } from "./proofs.ts";
import { IN_CLEAR } from "./row.ts";
import { runRows } from "./run-rows.ts";

runRows([...GREETING, ...AUTHENTICATION, ...PROOFS, ...PASSWORDS], IN_CLEAR);
