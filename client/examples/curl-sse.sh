#!/usr/bin/env bash
# curl and server-sent events: makes a session, says something and prints the words as they come. A stream that breaks is
# resumed by Last-Event-ID: no word is lost and none comes twice. Needs bash 4.4 and curl 7.76, no jq.
# Run: bash curl-sse.sh [session id] [words]
set -euo pipefail
api=${STILLPOINT_URL:-http://127.0.0.1:8090}/api/v1
words=${2:-I want to feel calm}
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n') # the same in every try: nothing is made or said twice
curl=(curl -sSN --path-as-is --fail-with-body --retry 5) # a retry waits for as long as Retry-After says
last='' text='' shown='' event='' id='' data='' end='' stream=''
trap 'kill $stream 2>/dev/null || true' EXIT

encode() { printf %s "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' %; } # any id is one segment of a path
quote() {
  local s=${1//\\/\\\\}
  s=${s//\"/\\\"} s=${s//$'\n'/\\n} s=${s//$'\r'/\\r}
  printf '"%s"' "${s//$'\t'/\\t}"
}
field() { # puts that text of a JSON object into $value
  local pattern="[{,]\"$1\":\"(([^\"\\\\]|\\\\.)*)\""
  [[ $2 =~ $pattern ]] || return
  value=${BASH_REMATCH[1]//\\\\/\\x5c}
  printf -v value %b "${value//\\\"/\\x22}"
}
fail() { printf '\n%s\n' "$1" >&2 && exit 1; }
show() { # words that were taken back stay on the screen: where others follow, the reply begins again on a new line
  if [[ $text == "$shown"* ]]; then printf %s "${text:${#shown}}"; shown=$text
  elif [[ $shown != "$text"* || $end ]]; then printf '\n%s' "$text"; shown=$text; fi
}
take() { # one whole event
  [[ $id && $last && ${id##*.} -le ${last##*.} ]] && return # came before
  case $event in
    therapist:token) field text "$data" && text+=$value ;;
    therapist:reset) field text "$data" && text=$value ;;
    therapist:done) field therapist_response "$data" && text=$value && end=$event ;;
    therapist:error | turn:cancelled) field text "$data" && text=$value && end=$event ;;
    disclosure) field text "$data" && printf '%s\n' "$value" >&2 ;; # people have to see these two
    safety:resources) printf '%s\n' "$data" >&2 ;;
    session:deleted) fail 'the session was deleted' ;;
    session:snapshot) # the place we were at is gone: take the turn from its begin, unless it is another session
      [[ ${id%.*} == "${last%.*}" ]] || fail 'the session was deleted'
      id='' last='' text='' ;;
  esac
  last=${id:-$last}
  show
}

create="{\"session_id\":$(quote "${1:-}"),\"create_key\":\"$key\"}"
until made=$("${curl[@]}" -d "$create" "$api/session/create") && field session_id "$made" || [[ $? == 22 ]]; do sleep 1; done
[[ $made == *'"SESSION_CONFLICT"'* ]] && fail 'The id is taken. Choose another one, or leave it out to get one.'
field session_id "$made" || fail "no session: $made" # 22 is an answer of curl's: the server said no
session=$api/session/$(encode "$value")
until [[ $end ]]; do
  request=("$session/events" -H "Last-Event-ID: $last")
  [[ $last ]] || request=("$session/input" -H 'Accept: text/event-stream' -H "Idempotency-Key: $key" -d "{\"user_input\":$(quote "$words")}")
  exec 3< <(exec "${curl[@]}" "${request[@]}")
  stream=$!
  while [[ ! $end ]] && { IFS= read -r -t 45 -u 3 line || [[ $line == '{'* ]]; }; do # a beat comes every 15 s
    case $line in
      'event: '*) event=${line#* } ;;
      'id: '*) id=${line#* } ;;
      'data: '*) data=${line#* } ;;
      '') if [[ $event ]]; then take; fi; event='' id='' data='' ;;
      '{'*'}') field text "$line" && printf '%s\n' "$value" >&2 # help comes even with a refusal
        [[ $line == *'"TURN_IN_PROGRESS"'* ]] || fail "$line" ;;
    esac
  done
  kill $stream 2>/dev/null || true
  [[ $end ]] || sleep 1
done
echo
[[ $end == therapist:done ]] || fail "$end"
