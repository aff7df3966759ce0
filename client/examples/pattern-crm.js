// CRM: the number of a contact is the session, crm_user_<number>. There is no table that maps one to the other, and whoever
// comes back goes on where they were.
// Run: node pattern-crm.js <contact number> [words]
import { openSession, say } from './open-session.js';

const [contact, words = 'I want to feel calm'] = process.argv.slice(2);
if (!contact) throw new Error('node pattern-crm.js <contact number> [words]');
const id = `crm_user_${contact}`;

try {
  // the server remembers by client_id, over all sessions, that a person was in danger
  const session = await openSession({ session_id: id, client_id: `crm:${contact}` });
  console.log(session.created ? `created ${id}` : `resumed ${id} after ${session.turn_count} turns`);
  const response = await say(id, words);
  console.log(`turn ${response.n}: ${response.therapist_response}`);
} catch (error) {
  if (error.code !== 'SESSION_CONFLICT') throw error;
  console.log(`taken ${id}: it belongs to another client, nothing was said in it`);
  process.exitCode = 2;
}
