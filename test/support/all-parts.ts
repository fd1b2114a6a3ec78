// Loads what the package loads when it is first used: simulated time passes while a file is read.
import "../../src/advice/examination.ts";
import "../../src/net/tunnel.ts";
import "../../src/session/login.ts";
