# Plays sessions by poplib: [[port, user, [line, ...]], ...] on standard input, what came of each line on standard output.
import json
import poplib
import sys

PASSWORD, TASKS = json.load(sys.stdin)
# Seconds, for what hangs.
TIMEOUT = 30


def ask(pop, line):
    verb, *arguments = line.split(" ")
    if verb == "RETR":
        lines = pop.retr(*arguments)[1]
    elif verb == "LIST":
        lines = pop.list()[1]
    elif verb == "UIDL":
        lines = pop.uidl()[1]
    elif verb == "STAT":
        return "%d %d" % pop.stat()
    else:
        pop.noop()
        return ""
    return b"".join(line + b"\r\n" for line in lines).decode("latin-1")


def outcome(call, *arguments):
    # ValueError, IndexError: what STAT throws where its reply has no numbers.
    try:
        return call(*arguments)
    except (poplib.error_proto, ValueError, IndexError):
        return None


def play(port, user, lines):
    pop = outcome(poplib.POP3, "127.0.0.1", port, TIMEOUT)
    if pop is None or outcome(pop.user, user) is None or outcome(pop.pass_, PASSWORD) is None:
        return [None for _ in lines]
    outcomes = [outcome(ask, pop, line) for line in lines]
    pop.close()
    return outcomes


json.dump([play(*task) for task in TASKS], sys.stdout)
