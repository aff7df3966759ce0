// Mobile: one session for a user on a device, mobile_<user>_<device>. A reinstalled app finds it again. The client_id is the
// user, so what is known of a danger holds on every device; and user "a_b" on "c" is not let into the session of "a" on "b_c".
// Run: node pattern-mobile.js <user> <device> [words]
import { openSession, say } from './open-session.js';

const [user, device, words = 'I want to feel calm'] = process.argv.slice(2);
if (!user || !device) throw new Error('node pattern-mobile.js <user> <device> [words]');
const id = `mobile_${user}_${device}`;

try {
  const session = await openSession({ session_id: id, client_id: user, metadata: { device } });
  console.log(session.created ? `created ${id}` : `resumed ${id} after ${session.turn_count} turns`);
  const response = await say(id, words);
  console.log(`turn ${response.n}: ${response.therapist_response}`);
} catch (error) {
  if (error.code !== 'SESSION_CONFLICT') throw error;
  console.log(`taken ${id}: it belongs to another user, nothing was said in it`);
  process.exitCode = 2;
}
