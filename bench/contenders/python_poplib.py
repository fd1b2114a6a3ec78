"""Python's poplib: fetches a mailbox and says how long it took, or what it got. Arguments: one object as JSON."""

import hashlib
import json
import poplib
import resource
import ssl
import sys
import time

job = json.loads(sys.argv[1])


def connect():
    if job.get("ca") is None:
        return poplib.POP3("127.0.0.1", job["port"])
    context = ssl.create_default_context(cafile=job["ca"])
    return poplib.POP3_SSL("127.0.0.1", job["port"], context=context)


def login():
    pop = connect()
    pop.user(job["mailbox"])
    pop.pass_("secret")
    return pop


session_began = time.perf_counter()
pop = login()
count, _ = pop.stat()
digests = []
began, cpu = time.perf_counter(), time.process_time()
for number in range(1, count + 1):
    lines = pop.retr(number)[1]
    # It gives lines; a message is what they make together.
    message = b"\r\n".join(lines) + b"\r\n"
    if job.get("verify"):
        digests.append(hashlib.sha256(message).hexdigest())
elapsed, used = time.perf_counter() - began, time.process_time() - cpu
pop.quit()
if job.get("session"):
    elapsed = time.perf_counter() - session_began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"ms": elapsed * 1000, "cpu": used * 1000, "peak": peak, "digests": digests}))
