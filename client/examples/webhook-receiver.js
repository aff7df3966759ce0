// Receives the alerts that a server with ESCALATION_URL sends (docs/protocol.md section 8): only genuine ones, not older than
// five minutes, each once. Put your paging where the alert is printed.
// Run: SECRET=<the server's ESCALATION_SECRET> PORT=8099 node webhook-receiver.js
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const { SECRET, PORT = '8099', HOST = '127.0.0.1' } = process.env;
const MAX_AGE_S = 300;
const MAX_BYTES = 65_536;
const KEEP_MS = 25 * 3_600_000; // the server tries for 24 hours
const taken = new Map(); // id → when; use your database, so that it outlives a restart

/** Over the bytes as they came, before they are parsed. */
function isGenuine(header, body) {
  const [, t, v1] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
  if (t === undefined || Math.abs(Date.now() / 1000 - Number(t)) > MAX_AGE_S) return false;
  const own = createHmac('sha256', SECRET).update(`${t}.`).update(body).digest();
  return timingSafeEqual(own, Buffer.from(v1, 'hex'));
}

/** The id in the signed body is the Idempotency-Key; the header alone could be changed on the way. */
function take(body, key) {
  const alert = JSON.parse(body.toString('utf8'));
  const id = String(alert.id ?? key);
  for (const [old, at] of taken) if (Date.now() - at > KEEP_MS) taken.delete(old);
  if (taken.has(id)) return console.log(`duplicate ${id}`);
  taken.set(id, Date.now());
  return console.log(`alert ${alert.urgency} ${alert.level} ${id} ${JSON.stringify(alert)}`);
}

/** The status to answer. Anything but 2xx within 5 seconds makes the server try again. */
async function receive(req) {
  if (req.method !== 'POST') return 405;
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return 413;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!isGenuine(req.headers['x-stillpoint-signature'], body)) return 401;
  take(body, req.headers['idempotency-key']);
  return 204;
}

if (!SECRET) {
  console.error('SECRET is not set');
  process.exit(1);
}
const server = createServer((req, res) => {
  void receive(req)
    .catch(() => 400)
    .then((status) => {
      if (status !== 204) console.log(`refused ${status}`);
      res.writeHead(status, status === 204 ? {} : { connection: 'close' }).end();
    });
});
server.listen(Number(PORT), HOST, () => console.log(`listening on http://${HOST}:${server.address().port}`));
