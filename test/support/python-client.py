"""Creates a session, says something and collects the reply word by word: python-client.py URL SESSION TRANSPORT..."""

import json
import sys
import threading

import socketio

url, session_id, *transports = sys.argv[1:]
client = socketio.Client(reconnection=False)
over = threading.Event()
events = []
text = ""


def collect(name):
    def handler(data):
        global text
        events.append(name)
        if name == "therapist:token":
            # rule 2: where the text begins, in UTF-16 units
            assert data["at"] == len(text.encode("utf-16-le")) // 2, data
            text += data["text"]
        if name == "therapist:done":
            result["done"] = data
            over.set()

    return handler


result = {}
for name in ("turn:started", "therapist:token", "therapist:reset", "therapist:done", "therapist:error"):
    client.on(name, collect(name))

client.connect(url, transports=transports or None, wait_timeout=10)
result["created"] = client.call("session:create", {"session_id": session_id}, timeout=10)
result["conflict"] = client.call("session:create", session_id, timeout=10)
result["admitted"] = client.call(
    "session:input", {"session_id": session_id, "user_input": "I want to feel calm"}, timeout=10
)
if not over.wait(30):
    sys.exit("no therapist:done; came: " + " ".join(events))
result["text"] = text
result["events"] = events
result["transport"] = client.transport()
client.disconnect()
print(json.dumps(result))
