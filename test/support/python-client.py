"""Creates a session, says something and collects the reply word by word: python-client.py URL SESSION TRANSPORT..."""

import json
import sys
import threading

import socketio

url, session_id, *transports = sys.argv[1:]
client = socketio.Client(reconnection=False)
# every message is handled in a thread of its own, so they may come here in any order: `seq` and `from` tell the right one
arrived = threading.Condition()
entries = {}


def collect(name):
    def handler(data):
        with arrived:
            entries[data["seq"]] = (name, data)
            arrived.notify_all()

    return handler


def in_order(first):
    """The logged events from `first` to the end of the turn, or None while one is missing."""
    found = []
    for seq in sorted(entries):
        name, data = entries[seq]
        if data.get("from", seq) != first:
            return None
        found.append((name, data))
        first = seq + 1
        if name == "therapist:done":
            return found
    return None


result = {}
for name in (
    "turn:started",
    "disclosure",
    "safety:resources",
    "session:updated",
    "therapist:token",
    "therapist:reset",
    "therapist:done",
    "therapist:error",
):
    client.on(name, collect(name))

client.connect(url, transports=transports or None, wait_timeout=10)
result["created"] = client.call("session:create", {"session_id": session_id}, timeout=10)
result["conflict"] = client.call("session:create", session_id, timeout=10)
result["admitted"] = client.call(
    "session:input", {"session_id": session_id, "user_input": "I want to feel calm"}, timeout=10
)
begin = int(result["admitted"]["cursor"].rsplit(".", 1)[1]) + 1
with arrived:
    if not arrived.wait_for(lambda: in_order(begin), 30):
        sys.exit("the turn did not come whole; came: " + repr(sorted((seq, e[0]) for seq, e in entries.items())))
    turn = in_order(begin)

text = ""
for name, data in turn:
    if name == "therapist:token":
        # rule 2: where the text begins, in UTF-16 units
        assert data["at"] == len(text.encode("utf-16-le")) // 2, data
        text += data["text"]
result["done"] = turn[-1][1]
result["text"] = text
result["events"] = [name for name, _ in turn]
result["transport"] = client.transport()
client.disconnect()
print(json.dumps(result))
