// `popwright fetch`: fetches new mail from one mailbox or many, each message once.
import { fetchAll, FileLedger } from "../../fetch/index.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { examples, exitCodes } from "../help.ts";
import { isReaderGone } from "../io.ts";
import { onAbort } from "../../net/abort.ts";
import { writeLines } from "../text.ts";
import { otherNames } from "./other-name.ts";
import { Outcome } from "./outcome.ts";
import { FETCH_OPTIONS, readTask } from "./task.ts";
import { PLACE_HELP, TO_HELP } from "./to-options.ts";

export const fetch: Subcommand = {
  name: "fetch",
  summary: "fetches new mail, each message once, into files, Gmail or another server",
  options: FETCH_OPTIONS,
  help: {
    usage: ["popwright fetch URL --to PLACE [options]", "popwright fetch --config FILE [options]"],
    sections: [
      {
        text: [
          "Fetches the mail that was not fetched before. Each message is delivered and flushed to disk, then recorded in a ledger, and then deleted on the server if --delete says so. If the process is killed, the connection drops or the disk fills up, no message is lost and none is delivered twice.",
        ],
        rows: [
          ...TO_HELP,
          ["--config FILE", "fetches several accounts, each with its policy: see docs/command-line.md"],
          [
            "--state DIR",
            "the directory of the ledger; default: popwright in $XDG_STATE_HOME or ~/.local/state (on Windows in %LOCALAPPDATA%)",
          ],
          [
            "--delete WHEN",
            "never (the default), delivered, or a time after the message was first seen: 14 (days), 14d, 36h",
          ],
          ["--max-size BYTES", "leaves larger messages alone: 500k, 10M"],
          [
            "--first-run WHAT",
            "of the mail from before the first run, fetches all (the default), none, or the newest N",
          ],
          ["--messages N", "retrieves at most N messages"],
          ["--seconds TIME", "stops after TIME: 90 (seconds), 90s, 10min; the next run fetches the rest"],
          [
            "--message-seconds TIME",
            "gives up on a message after TIME (default: 1h) and continues with the others",
          ],
          ["--force", "connects even if the server or a failure requires a pause"],
          [
            "--watch",
            "keeps polling, more often while mail arrives, until SIGINT or SIGTERM (on Windows Ctrl+C or Ctrl+Break)",
          ],
          ["--dry-run", "lists the messages that would be retrieved and deleted, but changes nothing"],
          ["--json", "prints each event as a JSON object, one per line"],
          ["--quiet", "prints only problems"],
        ],
      },
      PLACE_HELP,
      ...ACCOUNT_HELP,
      exitCodes(
        ["0", "success, new mail or not"],
        ["1", "some accounts failed"],
        ["64", "usage"],
        ["65", 'success, but some messages will not be tried again: run "popwright help retry"'],
        ["69", "server unavailable"],
        ["73", "destination"],
        ["74", "ledger"],
        ["75", "try again later"],
        ["77", "authentication"],
        ["78", "configuration"],
      ),
      examples(
        "POPWRIGHT_PASSWORD=... popwright fetch pop3s://ann@pop.example.com --to ~/Mail --delete 14",
        "popwright fetch pop3s://ann@pop.example.com --to gmail:ann@gmail.com --watch",
        "popwright fetch --config ~/.config/popwright.json --watch --json",
      ),
    ],
  },
  async run(args, io) {
    const { flags, ...task } = await readTask(args, io);
    const { targets, maxSessions, maxPerHost } = task;
    const outcome = new Outcome(task, flags, io);
    const ledger = new FileLedger(task.state);
    const hints = await otherNames(ledger, targets, task.sameLedger);
    if (!flags.quiet) for (const hint of hints) await writeLines(io.stderr, ...hint);
    const events = fetchAll(targets, {
      ledger,
      // Each target has its own destination.
      destination: () => undefined,
      stop: io.stop,
      repeat: flags.watch,
      // Each failure is printed, so a wrong host is seen.
      retryFirst: true,
      force: flags.force,
      ...(maxSessions === undefined ? {} : { maxSessions }),
      ...(maxPerHost === undefined ? {} : { maxPerHost }),
    });
    const unsubscribe = onAbort(io.stop, () => {
      outcome.stopping().catch(() => undefined);
    });
    for await (const event of events) {
      try {
        await outcome.heard(event);
      } catch (error) {
        // The run continues if the reader of the output has closed the pipe.
        if (!isReaderGone(error)) throw error;
      }
    }
    unsubscribe();
    return outcome.exitCode(targets.length);
  },
};
