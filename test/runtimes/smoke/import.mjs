import * as popwright from "popwright";
import * as parse from "popwright/parse";
import * as testing from "popwright/testing";
import session from "./session.cjs";

await session(popwright, testing, parse);
