// Several platforms: every visit is a session of its own, <platform>_<user>_<timestamp>. A taken id means that two visits began
// in the same moment: this one gets a number behind it, and neither gets into the other.
// Run: node pattern-multi-platform.js <platform> <user> [timestamp] [words]
import { randomUUID } from 'node:crypto';
import { call, say } from './open-session.js';

const [platform, user, timestamp = String(Date.now()), words = 'I want to feel calm'] = process.argv.slice(2);
if (!platform || !user)
  throw new Error('node pattern-multi-platform.js <platform> <user> [timestamp] [words]');

async function openVisit(visit) {
  const id = `${platform}_${user}_${timestamp}${visit === 1 ? '' : `_${visit}`}`;
  const wanted = { session_id: id, client_id: user, metadata: { platform }, create_key: randomUUID() };
  try {
    return await call('POST', '/session/create', wanted);
  } catch (error) {
    if (error.code !== 'SESSION_CONFLICT' || visit === 100) throw error;
    console.log(`taken ${id}`);
    return openVisit(visit + 1);
  }
}

const { session_id: id } = await openVisit(1);
console.log(`created ${id}`);
const response = await say(id, words);
console.log(`turn ${response.n}: ${response.therapist_response}`);
