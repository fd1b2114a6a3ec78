const session = require("./session.cjs");

session(require("popwright"), require("popwright/testing"), require("popwright/parse")).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
