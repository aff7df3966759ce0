"""python-socketio: makes a session, says something and prints the reply word by word. Cut the connection or restart the
server in the middle: every word still comes once, by the cursor rule of docs/protocol.md section 3.
Run: pip install "python-socketio[client]" && python3 python_socketio.py [session id] [words]
"""
import os, queue, sys, time, uuid

import socketio

URL = os.environ.get("STILLPOINT_URL") or "http://127.0.0.1:8090"
ENDS = {"therapist:done": "done", "therapist:error": "failed", "turn:cancelled": "cancelled"}
session_id, words = (sys.argv[1:] + [None, None])[:2]
client = socketio.Client(reconnection=False)  # ask() connects again, also after an orderly close by the server
events = queue.Queue()
client.on("*", lambda event, data=None: events.put((event, data)))
turns, early, shown = {}, {}, ""  # what each turn has said so far; events that came before the ones before them


def ask(event, payload):
    """Asks until there is an answer. The keys in the payloads make a repeat harmless."""
    while True:
        try:
            if not client.connected:
                client.connect(URL, wait_timeout=10)
            answer = client.call(event, payload, timeout=5)
        except Exception as error:  # a cut connection shows as many kinds
            print(f"trying again: {error!r}", file=sys.stderr)
            time.sleep(0.5)
            continue
        if answer["ok"]:
            return answer
        error = answer["error"]
        if "safety" in error:
            print(error["safety"]["text"], file=sys.stderr)  # help comes even with a refusal
        if not error["retryable"]:
            leave(1, f"{error['code']}: {error['message']}")
        time.sleep(error.get("retry_after_ms", 500) / 1000)


def join():
    global seq
    answer = ask("session:join", {"session_id": session_id, "after": f"{epoch}.{seq}"})
    if answer["mode"] == "snapshot":  # else what was missed comes next
        if answer["session"]["epoch"] != epoch:
            leave(1, "the session was deleted")  # rule 4
        seq = int(answer["cursor"].rpartition(".")[2])
        for turn in answer["turns"] + [answer["live"] or {}]:
            turns[turn.get("turn_id")] = turn


def fold(event, data):
    before = turns.get(data.get("turn_id"), {}).get("text", "") if event == "therapist:token" else ""
    if event in ("therapist:token", "therapist:reset") or event in ENDS:  # rules 2 and 3
        text = before + data.get("therapist_response", data.get("text", ""))
        turns[data["turn_id"]] = {"text": text, "state": ENDS.get(event, "running")}
    elif event in ("disclosure", "safety:resources"):
        print(data.get("resources", data.get("text")), file=sys.stderr, flush=True)  # people have to see it


def leave(code, why=""):
    print(why, file=sys.stderr if code else sys.stdout)
    client.disconnect()
    sys.exit(code)


made = ask("session:create", {"session_id": session_id, "create_key": str(uuid.uuid4())})
session_id, epoch, seq = made["session_id"], made["epoch"], 0
said = {"session_id": session_id, "user_input": words or "I want to feel calm", "input_id": str(uuid.uuid4())}
mine = ask("session:input", said)["turn_id"]
while True:
    turn = turns.get(mine, {"text": "", "state": "queued"})
    text = turn["text"]
    # words that were taken back are on the screen: then the reply begins again on a new line
    print(text[len(shown):] if text.startswith(shown) else "\n" + text, end="", flush=True)
    shown = text
    if turn["state"] not in ("queued", "running"):
        leave(0 if turn["state"] == "done" else 1, "" if turn["state"] == "done" else f"the turn is {turn['state']}")
    try:
        event, data = events.get(timeout=1)
    except queue.Empty:
        if early or not client.connected:  # rule 1: a gap
            join()
        continue
    if not isinstance(data, dict) or data.get("session_id") != session_id:
        continue
    if event == "session:deleted":
        leave(1, "the session was deleted")  # rule 4
    if "seq" in data:
        early[data["seq"]] = (event, data)
    for last in sorted(early):  # every event is handled in a thread of its own, so they may come in any order
        if early[last][1].get("from", last) > seq + 1:
            break
        event, data = early.pop(last)
        if last > seq:  # rule 1
            seq = last
            fold(event, data)
