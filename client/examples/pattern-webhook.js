// Webhook of another system: its id is the session, webhook_<external_id>. A delivery may come twice; its Idempotency-Key is the
// input's, so that it is said once. Answers 202 when it is stored. Check your sender's signature too: see webhook-receiver.js.
// Run: PORT=8098 node pattern-webhook.js; curl localhost:8098 -H 'Idempotency-Key: d-1' -d '{"external_id": "42", "text": "Hello"}'
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { call, openSession, pathOf, say } from './open-session.js';

const { PORT = '8098', HOST = '127.0.0.1' } = process.env;
const isText = (value) => typeof value === 'string' && value !== '';

async function deliver(req) {
  const key = req.headers['idempotency-key'];
  const delivery = await json(req).catch(() => null);
  const [externalId, text] = [String(delivery?.external_id ?? ''), delivery?.text];
  if (req.method !== 'POST' || ![key, externalId, text].every(isText))
    return [400, { error: 'BAD_DELIVERY' }];
  const id = `webhook_${externalId}`;
  const { created } = await openSession({ session_id: id, client_id: `webhook:${externalId}` });
  const headers = { 'Idempotency-Key': key, Prefer: 'respond-async' };
  const { turn_id, n } = await call('POST', `${pathOf(id)}/input`, { user_input: text }, headers);
  console.log(`${created ? 'created' : 'resumed'} ${id}: ${key} is turn ${n}`);
  // the same key again finds the same turn, and waits for its end
  say(id, text, key).then(
    (response) => console.log(`reply to ${key}: ${response.therapist_response}`),
    (error) => console.log(`no reply to ${key}: ${error.message}`),
  );
  return [202, { session_id: id, turn_id, n }];
}

/** 503: deliver it again later. 409, a session that is not ours or a key used for other words, and 422: that would not help. */
function refuse({ code = 'INTERNAL', isRetryable = true, message }) {
  console.log(`refused: ${message}`);
  if (isRetryable) return [503, { error: code }];
  return [code.endsWith('_CONFLICT') ? 409 : 422, { error: code }];
}

const server = createServer((req, res) => {
  void deliver(req)
    .catch(refuse)
    .then(([status, body]) => res.writeHead(status).end(JSON.stringify(body)));
});
server.listen(Number(PORT), HOST, () => console.log(`listening on http://${HOST}:${server.address().port}`));
