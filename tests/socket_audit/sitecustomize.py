"""Found on PYTHONPATH by every interpreter of a run that is watched: notes which addresses it asks
for or listens at, a JSON line each, in the file that SOCKET_AUDIT names."""

import json
import os
import sys

# Event -> which of its arguments says where to.
EVENTS = {
    "socket.bind": 1,
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}


def note(event, told):
    line = json.dumps({"pid": os.getpid(), "event": event, "told": told}, default=repr) + "\n"
    descriptor = os.open(os.environ["SOCKET_AUDIT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def watch(event, arguments):
    if event in EVENTS:
        note(event, arguments[EVENTS[event]])


if "SOCKET_AUDIT" in os.environ:
    note("start", sys.orig_argv)
    sys.addaudithook(watch)
