// From the connection to its end: every call settles once, and no handle or listener is left.
import { ENDINGS } from "./endings.ts";
import { GIVING_UP } from "./giving-up.ts";
import { READERS } from "./readers.ts";
import { IN_CLEAR } from "./row.ts";
import { runRows } from "./run-rows.ts";
import { WEAR } from "./wear.ts";

runRows([...ENDINGS, ...GIVING_UP, ...READERS, ...WEAR], IN_CLEAR);
